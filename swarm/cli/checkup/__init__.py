"""What `swarm doctor` looks at: the machine, the setup, the log; each in a module of its own."""
