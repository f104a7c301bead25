"""The calibration that answers in the viewer gave a gallery: a file beside it, tied to the model of its vectors."""

import json

from reseen.audit import Calibration
from reseen.errors import DataError
from reseen.files import storage_error, write_text
from reseen.gallery.side_files import side_file
from reseen.reading import read_json

NAME = "calibration.json"


def write_gallery_calibration(address: str, model: str, calibration: Calibration) -> None:
    """Keep the calibration of a gallery whose model has this fingerprint, atomically.

    Raises:
        StorageError: the file cannot be written.
    """
    values = {"format": "reseen-gallery-calibration-1", "model": model, "calibration": calibration.to_json()}
    write_text(side_file(address, NAME), json.dumps(values, indent=1) + "\n")


def read_gallery_calibration(address: str, model: str) -> Calibration | None:
    """The calibration of a gallery; None if there is none, or none for this model.

    Raises:
        DataError: the file is damaged.
    """
    file = side_file(address, NAME)
    if not file.is_file():
        return None
    try:
        values = read_json(file)
        if values["model"] != model:
            return None
        return Calibration.from_json(values["calibration"])
    except (OSError, ValueError, KeyError, TypeError, DataError):
        raise DataError(f"{file}: damaged; delete it, and answer a question in `reseen view`") from None


def delete_gallery_calibration(address: str) -> None:
    """Delete the calibration of a gallery, if there is one.

    Raises:
        StorageError: the file cannot be removed.
    """
    file = side_file(address, NAME)
    try:
        file.unlink(missing_ok=True)
    except OSError as error:
        raise storage_error(file, error) from None
