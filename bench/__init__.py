"""What is measured: ratios of one run, medians of interleaved rounds."""
