"""What carries a session on: the dispatcher, and what it does for tasks from their gate to their end."""
