"""Settings: one frozen value from defaults, files, the environment and flags, with the origin of each."""
