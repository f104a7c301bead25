"""Images to features: extraction in memory, and files of embeddings written by one process or many."""
