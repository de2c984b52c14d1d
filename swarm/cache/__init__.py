"""Answers given again: what they depend on, which questions are the same, where they are found."""
