"""What a run will probably cost, before it begins: from its prompts, its arms and what the log knows of such work."""
