"""Implementations of `Store`, one file per database engine."""
