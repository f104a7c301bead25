"""Cluster a folder of crops or a file of embeddings, and write tables and pages."""
