"""What keeps a command to the work copy: bubblewrap, else Landlock, else nothing, which is said."""
