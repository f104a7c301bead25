"""The loop and what stands around it: recipe, run folder, extraction, scoring, embedding."""
