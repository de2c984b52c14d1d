"""Counting and ranking text."""
