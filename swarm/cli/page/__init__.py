"""A page for a browser: its elements, its charts, its sections. Pure: a report goes in and a text comes out."""
