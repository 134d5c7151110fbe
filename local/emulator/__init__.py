"""The local AWS account: ministack, and what it lacks to be AWS for Respot. One file for each part of it."""
