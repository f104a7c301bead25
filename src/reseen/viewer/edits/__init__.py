"""Mending clusters: what a person changed and said, kept so that training and audit can read it."""
