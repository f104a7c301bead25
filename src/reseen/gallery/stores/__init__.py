"""One file per engine that can keep a gallery."""
