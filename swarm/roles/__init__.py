"""The places in the cycle: explorer, worker and validator, each a function from open work to the events it causes."""
