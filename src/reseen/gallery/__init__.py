"""Galleries of embedded crops: indexing, search, and verified deletion."""
