"""The log told to others: as traces and metrics of OpenTelemetry, without its texts as a log of its own, as rows."""
