"""The live view and the replay: reads the log, draws, decides nothing."""
