"""A gallery's side files: their paths, in its folder or, for servers, in the user's state folder; and the calibration.

The calibration made in the viewer is a file beside the gallery, tied to the model of the gallery's vectors.
"""

import atexit
import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

from reseen.audit import Calibration
from reseen.errors import DataError, GalleryError
from reseen.export.fingerprint import ModelIdentity
from reseen.files import storage_error, write_text
from reseen.reading import read_json
from reseen.runs.run import Run
from reseen.tasks.audit.select_run import read_calibration
from reseen.user_folders import state_base

CAMERA_MEANS = "cameras.safetensors"
"""Side file of the means of a gallery's cameras; removed with every deletion, and made again when it is asked for."""


def side_file(address: str, name: str) -> Path:
    """Path of the side file `name` of the gallery at `address`."""
    if address == "memory:":  # its side files are temporary, too
        return _memory_folder() / name
    if "://" not in address:
        return Path(address).expanduser() / name
    return state_base() / f"{hashlib.sha256(address.encode()).hexdigest()[:16]}-{name}"


@cache
def _memory_folder() -> Path:
    folder = tempfile.mkdtemp(prefix="reseen-memory-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def map_folder(address: str) -> Path | None:
    """Folder of the viewer's map coordinates beside a gallery folder; None for servers, whose maps are not saved."""
    return None if ":" in address else Path(f"{address}.map")


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


def read_audit_calibration(model: ModelIdentity, run: Run) -> Calibration:
    """The calibration of a run's audit, for a gallery of vectors like those that were compared there.

    Raises:
        GalleryError: the gallery's vectors are of mirrored crops, whose similarities are others.
        DataError: the run has no calibration, or a damaged one.
    """
    if model.mirrored:
        raise GalleryError(
            "the audit's answers are on similarities of crops alone, and this gallery averages each crop with its "
            "mirror image; answer questions in `reseen view`"
        )
    return read_calibration(run)


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
