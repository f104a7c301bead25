"""Crops and their people in the files and data sets of annotation tools, and back."""
