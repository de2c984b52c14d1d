"""The embedded log: one SQLite file. Nothing outside this folder knows that it is one."""
