"""Crops from video: decode, detect, track, select, write.

    source -> frames -> boxes -> tracks -> the best crops of each tracklet -> JPEG files and a manifest

A source is a file, a folder of frames or a stream; a camera can have several. Sources are processed one after another.
Each completed source has a record in the output folder, so an interrupted run continues with the next one.
"""
