"""Prompts, built from modules that live beside the code as Markdown."""
