"""What is shown at a time: the start, the conversations, sheets on top of them, and the end."""
