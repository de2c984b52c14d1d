"""What the log explains by itself: why something was chosen, refused, paid or ended so."""
