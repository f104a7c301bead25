"""Score a run, or features from elsewhere, on query and gallery, and report."""
