"""The page in the browser over a gallery: look at clusters, mend them, search, forget."""
