"""FiftyOne data sets, by the package where it is installed and its database starts, and by a stand-in everywhere.

The stand-in has what is used here of the package's interface: samples with fields, and data sets by name.
"""

import sys
import uuid
from types import ModuleType

import numpy as np
import pytest
from tests.annotations.conftest import names
from tests.gallery.stores.conftest import MODEL

import reseen
from reseen.errors import DataError, SettingsError
from reseen.gallery.entries import Entries, Entry


class Classification:
    def __init__(self, label):
        self.label = label


class Sample(dict):
    def __init__(self, filepath):
        super().__init__(filepath=filepath)


class StandIn(ModuleType):
    """The module `fiftyone`, in memory."""

    Classification, Sample = Classification, Sample

    def __init__(self):
        super().__init__("fiftyone")
        self.sets = {}

    def Dataset(self, name, persistent):  # noqa: N802
        assert persistent
        self.sets[name] = StandInDataset()
        return self.sets[name]

    def dataset_exists(self, name):
        return name in self.sets

    def load_dataset(self, name):
        return self.sets[name]

    def delete_dataset(self, name):
        del self.sets[name]


class StandInDataset(list):
    def add_samples(self, samples, progress):
        self.extend(samples)

    def has_field(self, name):
        return any(name in sample for sample in self)

    def values(self, fields):
        return [[self._value(sample, field) for sample in self] for field in fields]

    def _value(self, sample, field):
        name, _, inner = field.partition(".")
        value = sample.get(name)
        return getattr(value, inner) if inner and value is not None else value


@pytest.fixture(params=["stand-in", "package"])
def fiftyone(request, monkeypatch):
    if request.param == "stand-in":
        module = StandIn()
        monkeypatch.setitem(sys.modules, "fiftyone", module)
        yield module
        return
    module = pytest.importorskip("fiftyone", reason="fiftyone is not installed; it starts a MongoDB")
    try:
        module.list_datasets()
    except Exception as error:
        pytest.skip(f"the database of fiftyone does not start here: {error}")
    yield module


@pytest.fixture
def name(fiftyone):
    made = f"reseen-test-{uuid.uuid4().hex[:8]}"
    yield made
    if fiftyone.dataset_exists(made):
        fiftyone.delete_dataset(made)


def test_crops_go_out_and_people_come_back(loose, fiftyone, name):
    loose.people.update()
    loose.people.rename(1, "Anna")
    before = names(loose)
    written = reseen.export_annotations(loose, name, format="fiftyone")
    assert (written.boxes, written.people, written.nobody) == (8, 2, 2)
    assert reseen.import_annotations(loose, name, format="fiftyone").moved == 0
    assert names(loose) == before
    dataset = fiftyone.load_dataset(name)
    by_key = {
        entry.key: (entry, row)
        for part in loose.store.scan()
        for entry, row in zip(part.entries, part.vectors, strict=True)
    }
    for sample in dataset:
        entry, vector = by_key[sample["reseen_key"]]
        assert sample["filepath"] == f"{entry.source}/{entry.image}"
        np.testing.assert_allclose(sample["embedding"], vector)
        assert (sample["camera"], sample["time"], sample["tracklet"]) == (
            entry.camera,
            entry.time,
            entry.tracklet,
        )
        if entry.cluster is not None:
            assert sample["cluster"].label == str(entry.cluster)
    changed = next(
        sample for sample in dataset if sample["reseen_key"] == next(iter(loose.people.get(2).keys))
    )
    changed["person"] = fiftyone.Classification(label="Bert")
    if fiftyone.__class__ is ModuleType:  # the package keeps what is saved
        changed.save()
    read = reseen.import_annotations(loose, name, format="fiftyone")
    assert (read.moved, read.named) == (1, ("Bert",))


def test_a_name_that_is_taken_or_unknown_is_said(loose, name):
    with pytest.raises(DataError, match=f"FiftyOne has no data set '{name}'"):
        reseen.import_annotations(loose, name, format="fiftyone")
    reseen.export_annotations(loose, name, format="fiftyone", by="clusters")
    with pytest.raises(SettingsError, match=f"has a data set '{name}' already"):
        reseen.export_annotations(loose, name, format="fiftyone")
    with pytest.raises(DataError, match="has no fields reseen_key and person"):
        reseen.import_annotations(loose, name, format="fiftyone")


def test_a_set_that_cannot_be_whole_is_not_left_behind(loose, fiftyone, name):
    shard = Entry("/crops", "a.tar::b.jpg")
    loose.store.add(Entries([shard], np.eye(1, MODEL.dimension, dtype=np.float32)))
    with pytest.raises(DataError, match="a crop in a shard is no file"):
        reseen.export_annotations(loose, name, format="fiftyone")
    assert not fiftyone.dataset_exists(name)


def test_a_database_that_does_not_start_is_said(loose, monkeypatch):
    """FiftyOne comes without MongoDB where that could not be downloaded."""
    module = StandIn()

    def no_database(_):
        raise RuntimeError("MongoDB could not be installed on your system. Please \ndefine a database_uri")

    module.dataset_exists = no_database
    monkeypatch.setitem(sys.modules, "fiftyone", module)
    wanted = r"does not start \(MongoDB could not be installed.*FIFTYONE_DATABASE_URI=mongodb://"
    with pytest.raises(SettingsError, match=wanted):
        reseen.export_annotations(loose, "people", format="fiftyone")
    with pytest.raises(SettingsError, match=wanted):
        reseen.import_annotations(loose, "people", format="fiftyone")
