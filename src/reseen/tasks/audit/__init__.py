"""Judge a run without labels: clusters, calibrated threshold, and questions for a person."""
