"""Crops: the table of image files, decoding and the pixel cache, augmentation, PK sampling."""
