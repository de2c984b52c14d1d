"""The command line: the frame in main.py, one module a command, imported when it is called."""
