"""Texts made short before a model reads them: by what is asked, or by what they are made of. Pure, and never over a limit of tokens."""
