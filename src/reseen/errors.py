"""The exceptions that reseen raises on purpose. The command line prints them as one line and exits with code 2.

    ReseenError
    ├── SettingsError      an invalid recipe, key, value or flag
    ├── DataError          a folder, file or manifest that cannot be read as a set of crops
    │   ├── ImagesError    too many unreadable images
    │   └── VideoError     a video, folder of frames or stream that cannot be read
    ├── WeightsError       a weights file that does not match the model
    ├── RunError           a run folder that is missing, incomplete or incompatible with the request
    ├── ClusteringError    vectors that cannot be clustered (zero, not finite, too many)
    ├── TrainingError      training cannot continue (no clusters, non-finite loss)
    ├── LostProcessError   a process of a distributed run died or is unreachable
    ├── GalleryError       a gallery that is missing, damaged, locked, or built with another model
    ├── ExportError        a model that cannot be exported, or whose export fails the parity check
    └── StorageError       the disk is full or a path cannot be written

A message names the file or setting and states what was expected, what was found and how to fix it.
"""


class ReseenError(Exception):
    """Base class of all errors that reseen raises on purpose."""


class SettingsError(ReseenError):
    """A recipe, key, value or flag is invalid."""


class DataError(ReseenError):
    """A folder, file or manifest cannot be read as a set of crops."""


class ImagesError(DataError):
    """More images are unreadable than `data.unreadable_share` allows."""


class VideoError(DataError):
    """A video, a folder of frames or a stream cannot be opened or decoded."""


class WeightsError(ReseenError):
    """A weights file is missing, is not a weights file, or belongs to another model."""


class RunError(ReseenError):
    """A run folder is missing, incomplete, or was created with other data or settings."""


class ClusteringError(ReseenError):
    """Vectors cannot be clustered: zero, not finite, or too many for a linkage that needs all pairwise distances."""


class TrainingError(ReseenError):
    """Training cannot continue: clustering found no clusters, or the loss is not finite."""


class LostProcessError(ReseenError):
    """A process of a distributed run was killed or is unreachable."""


class GalleryError(ReseenError):
    """A gallery is missing, damaged, in use by another process, or holds embeddings of another model."""


class ExportError(ReseenError):
    """A model cannot be exported to the requested format, or the exported file does not reproduce its embeddings."""


class StorageError(ReseenError):
    """The disk is full, or a path cannot be written."""
