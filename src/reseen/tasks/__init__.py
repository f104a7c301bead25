"""What the commands do with a run: evaluate, cluster, audit, check data, run the demo, check the set-up."""
