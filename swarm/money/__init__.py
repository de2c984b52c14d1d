"""What a call may cost, and the ledger that holds it."""
