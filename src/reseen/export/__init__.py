"""Export of a trained model: one file that includes resizing, normalization and L2 normalization."""
