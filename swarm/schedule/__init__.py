"""Schedules: when something is due, what is done about it, and who starts it."""
