"""Several processes that train or embed together: launched, grouped, and told apart from one process alone."""
