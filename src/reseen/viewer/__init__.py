"""The page in the browser over a gallery."""
