"""Training, embedding and evaluation in several processes: launch, process group, workers, serialization."""
