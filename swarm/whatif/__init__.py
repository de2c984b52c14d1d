"""What finished sessions had come to with other prices, another cap, other tiers or another policy."""
