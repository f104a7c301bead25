"""Every error a user can cause, as a tree. The command line prints them as one line and exits with code 2.

    ReseenError
    ├── SettingsError      a recipe, key, value or flag that does not fit
    ├── DataError          a folder, file or manifest that cannot be read as crops
    │   └── ImagesError    too many unreadable images
    ├── WeightsError       a weights file that does not fit the model
    ├── RunError           a run folder that is missing, incomplete or does not fit the request
    ├── ClusteringError    vectors that cannot be clustered (zero, not finite, too many)
    ├── TrainingError      training cannot go on (no clusters, loss is not a number)
    ├── LostProcessError   one of several processes that work together is gone
    ├── GalleryError       a gallery that is missing, damaged, locked, or made by another model
    ├── ExportError        a model that cannot be written in a form, or does not give its vectors there
    └── StorageError       the disk is full or the place cannot be written

A message says what was wanted, what was found and what to do next, and names the file or setting.
"""


class ReseenError(Exception):
    """Base of every error that reseen raises on purpose."""


class SettingsError(ReseenError):
    """A recipe, key, value or flag does not fit."""


class DataError(ReseenError):
    """A folder, file or manifest cannot be read as a set of crops."""


class ImagesError(DataError):
    """More images are unreadable than `data.unreadable_share` allows."""


class WeightsError(ReseenError):
    """A weights file is missing, is no weights file, or holds another model."""


class RunError(ReseenError):
    """A run folder is missing, incomplete, or was made with other data or settings."""


class ClusteringError(ReseenError):
    """Vectors cannot be clustered: zero or not finite, or too many for a linkage that needs all pairs at once."""


class TrainingError(ReseenError):
    """Training cannot go on: no clusters, or a loss that is not a number."""


class LostProcessError(ReseenError):
    """One of several processes that work together was killed, or cannot be reached any more."""


class GalleryError(ReseenError):
    """A gallery is missing, damaged, in use elsewhere, or holds the vectors of another model."""


class ExportError(ReseenError):
    """A model cannot be written in the form asked for, or the file does not give the run's vectors."""


class StorageError(ReseenError):
    """The disk is full, or the place cannot be written."""
