"""The training path: set-up, warm start, optimizer, and the loop of clustering and training rounds."""
