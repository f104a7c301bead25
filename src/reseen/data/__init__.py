"""Images: what the rows are, how they are read from disk, and their pixels."""
