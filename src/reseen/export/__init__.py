"""Take a run's model away: one file with resizing, normalization and unit length inside, for other programs."""
