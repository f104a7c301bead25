"""Browser user interface of a gallery: review clusters, edit them, search, delete crops."""
