"""The run folder and what it holds: recipe, checkpoint, log, cluster file, and the device and table of a run."""
