"""The calibration of a gallery: which one is used, and the file beside the gallery with that from the viewer.

The file is tied to the model of the gallery's vectors.
"""

import json
from collections.abc import Callable

from reseen.audit import Calibration
from reseen.errors import DataError, GalleryError
from reseen.files import storage_error, write_text
from reseen.gallery.side_files import side_file
from reseen.reading import read_json

NAME = "calibration.json"


def write_gallery_calibration(address: str, model: str, calibration: Calibration | None) -> None:
    """Keep the calibration of a gallery whose model has this fingerprint, atomically, or with None delete the file.

    Raises:
        StorageError: the file cannot be written or deleted.
    """
    file = side_file(address, NAME)
    if calibration is None:
        try:
            file.unlink(missing_ok=True)
        except OSError as error:
            raise storage_error(file, error) from None
        return
    values = {"format": "reseen-gallery-calibration-1", "model": model, "calibration": calibration.to_json()}
    write_text(file, json.dumps(values, indent=1) + "\n")


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


def first_trusted(*sources: Callable[[], Calibration | None]) -> tuple[Calibration | None, str]:
    """The first calibration of medium or high trust, and why there is none, by the one of most answers."""
    problem, answers = "", -1
    for read in sources:
        try:
            found = read()
        except (GalleryError, DataError) as error:
            problem = problem or f"no probabilities: {error}"
            continue
        if found is not None and found.trusted:
            return found, ""
        if found is not None and found.answers > answers:
            problem, answers = f"no probabilities: trust is low, {found.reason}", found.answers
    return None, problem


def describe_calibration(calibration: Calibration) -> str:
    """A sentence on trust and threshold of a trusted calibration."""
    text = f"same person: probability from answers; trust {calibration.trust} ({calibration.reason})"
    if calibration.threshold is None or calibration.false_share is None:
        return text
    return (
        f"{text}; from a similarity of {calibration.threshold:.3f} two crops count as one person, which is expected to "
        f"be wrong for {calibration.false_share:.0%} of such pairs"
    )
