"""What the stack is made of: a construct for each capability, those that they share."""
