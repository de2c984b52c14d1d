"""What a task is given to read: its inputs, as texts."""
