"""From video to crops: decode, detect, track, thin, write.

    source -> frames -> boxes -> tracks -> the best crops of each tracklet -> JPEG files and a manifest

A source is a file, a folder of frames or a stream; a camera may have several. Sources are finished one after another,
and each finished one has a record in the output folder, so that a run that was stopped goes on with the next one.
"""
