"""The page in the browser: clusters, search, map, rounds, mending and forgetting."""
