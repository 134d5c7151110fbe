"""Finds what events missed."""
