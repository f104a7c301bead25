"""People beside the clusters of a gallery: stable ids, names and members that survive re-clustering."""
