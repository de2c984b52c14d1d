"""What touches the world around a draft: the work copy, commands, and delivery to the user's files."""
