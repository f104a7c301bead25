"""FiftyOne data sets: a sample for each crop with its vector, cluster and person, and the people read back."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reseen.annotations.annotation import AnnotatedImage, Annotation, WrittenAnnotations
from reseen.errors import DataError, SettingsError
from reseen.gallery.gallery import Gallery
from reseen.optional_dependencies import require_package

KEY, PERSON, CLUSTER, VECTOR = "reseen_key", "person", "cluster", "embedding"
"""Fields of a sample, besides `camera`, `time` and `tracklet`."""


def write_fiftyone(gallery: Gallery, name: str, people: Mapping[str, tuple[int, str]]) -> WrittenAnnotations:
    """Write a persistent data set with a sample for every crop.

    Args:
        gallery: an open gallery.
        name: name of the data set, which must not exist.
        people: number and title of the person of each crop, by key; without a title it is a cluster, and no person is
            written.

    Raises:
        SettingsError: FiftyOne is not installed, its database does not start, or it has a data set of this name.
        DataError: a crop is in a shard.
    """
    fiftyone: Any = require_package("fiftyone", "fiftyone")
    if _exists(fiftyone, name):
        raise SettingsError(
            f"FiftyOne has a data set '{name}' already; give another name, or delete that one"
        )
    dataset = fiftyone.Dataset(name, persistent=True)
    count = nobody = 0
    try:
        for part in gallery.store.scan():
            samples = []
            for entry, vector in zip(part.entries, part.vectors, strict=True):
                if "::" in entry.image:
                    raise DataError(
                        f"{entry.source}/{entry.image}: a crop in a shard is no file that FiftyOne opens"
                    )
                sample = fiftyone.Sample(filepath=str(Path(entry.source) / entry.image))
                sample[KEY], sample[VECTOR] = entry.key, vector
                sample["camera"], sample["time"], sample["tracklet"] = (
                    entry.camera,
                    entry.time,
                    entry.tracklet,
                )
                if entry.cluster is not None:
                    sample[CLUSTER] = fiftyone.Classification(label=str(entry.cluster))
                _, title = people.get(entry.key, (0, ""))
                if title:
                    sample[PERSON] = fiftyone.Classification(label=title)
                nobody += entry.key not in people
                samples.append(sample)
            dataset.add_samples(samples, progress=False)
            count += len(samples)
    except BaseException:
        fiftyone.delete_dataset(name)
        raise
    return WrittenAnnotations((), count, len({number for number, _ in people.values()}), nobody)


def read_fiftyone(name: str) -> list[Annotation]:
    """The people of a data set that `write_fiftyone` wrote: the labels of the field `person`, by key.

    Raises:
        SettingsError: FiftyOne is not installed, or its database does not start.
        DataError: there is no such data set, or it has no keys of a gallery.
    """
    fiftyone: Any = require_package("fiftyone", "fiftyone")
    if not _exists(fiftyone, name):
        raise DataError(
            f"FiftyOne has no data set '{name}'; export one, or check the name with `fiftyone datasets list`"
        )
    dataset = fiftyone.load_dataset(name)
    if not dataset.has_field(KEY) or not dataset.has_field(PERSON):
        raise DataError(
            f"the data set '{name}' of FiftyOne has no fields {KEY} and {PERSON}; export the gallery to it"
        )
    keys, labels = dataset.values([KEY, f"{PERSON}.label"])
    corners = (0.0, 0.0, 1.0, 1.0)
    return [
        Annotation(AnnotatedImage(""), corners, -1, str(label), str(key))
        for key, label in zip(keys, labels, strict=True)
        if key and label
    ]


def _exists(fiftyone: Any, name: str) -> bool:
    """Whether there is a data set of this name; the first call that needs the database."""
    try:
        return bool(fiftyone.dataset_exists(name))
    except Exception as error:  # of FiftyOne's configuration, its service, or the client of MongoDB
        reason = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(". ")
        raise SettingsError(
            f"the database of FiftyOne does not start ({reason}); start a MongoDB and give its address, such as "
            "FIFTYONE_DATABASE_URI=mongodb://localhost:27017"
        ) from None
