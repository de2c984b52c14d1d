"""What ships for tests: builders of events, a clock that one sets, plausible histories, and the contract of a log."""
