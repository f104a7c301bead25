"""Rows from the package, from entry points and from files, and one line for each that does not fit."""

import os
import sys
from dataclasses import replace

import pytest

from reseen import registry
from reseen.cluster.clusterings import CLUSTERINGS, AbstractClustering, DbscanClustering
from reseen.datasets import DATASETS
from reseen.errors import GalleryError, SettingsError
from reseen.gallery.store import STORES, RegisteredStore
from reseen.methods import METHODS, AbstractMethod, RegisteredMethod
from reseen.methods.cluster_contrast import ClusterContrast, ClusterContrastSettings
from reseen.registry import PLUGINS, Registry, load_plugin, load_plugins_of_environment


class Point:
    """An entry point."""

    dist = None

    def __init__(self, name, row):
        self.name, self.value, self._row = name, f"module:{name}", row

    def load(self):
        if isinstance(self._row, Exception):
            raise self._row
        return self._row


@pytest.fixture
def points(monkeypatch):
    """A function that sets the installed entry points."""

    def install(*found):
        monkeypatch.setattr(
            registry.metadata, "entry_points", lambda group: found if group == "test.group" else ()
        )

    return install


def make(check=lambda _name, _row: ""):
    return Registry("test.group", "thing", {"own": 1}, check)


def test_entry_points_are_loaded_when_a_name_is_unknown(points):
    points(Point("other", 2))
    table = make()
    assert table.find("own") == 1
    assert "other" not in table, "not looked for yet"
    assert table.find("other") == 2
    assert table.find("nobody") is None
    assert list(table) == ["own", "other"]


@pytest.mark.parametrize(
    ("point", "message"),
    [
        (
            Point("broken", ImportError("no module named x")),
            "module:broken of the package .* cannot be imported: ImportError: no",
        ),
        (Point("own", 3), "module:own of the package .*: thing 'own' exists already"),
        (Point("lacking", None), "module:lacking of the package .*: thing 'lacking' lacks a wheel"),
    ],
)
def test_an_entry_point_that_does_not_fit_is_one_line(points, point, message):
    points(point)
    table = make(lambda _name, row: "lacks a wheel" if row is None else "")
    with pytest.raises(SettingsError, match=message) as caught:
        table.find("something")
    assert "\n" not in str(caught.value)


class Unfinished(AbstractMethod):
    def __init__(self, settings, context):
        super().__init__(settings, context)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (3, "registered as int, expected a RegisteredMethod"),
        (
            RegisteredMethod(Unfinished, ClusterContrastSettings),
            "does not implement after_step, begin_round, losses",
        ),
        (RegisteredMethod(dict, ClusterContrastSettings), "not a subclass of AbstractMethod"),
        (RegisteredMethod(ClusterContrast, dict), "not a subclass of MethodSettings"),
        (
            RegisteredMethod(ClusterContrast, ClusterContrastSettings),
            "name is 'cluster-contrast'; give `name` the default 'mine'",
        ),
    ],
)
def test_a_method_that_lacks_something_is_refused(row, message):
    with pytest.raises(SettingsError, match=f"method 'mine' .*{message}"):
        METHODS.register("mine", row)
    assert "mine" not in METHODS


def test_a_method_cannot_take_the_name_of_another():
    with pytest.raises(SettingsError, match="method 'sphere' exists already"):
        METHODS.register("sphere", METHODS["sphere"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("import nothing_like_this\n", "cannot be imported: ModuleNotFoundError in line 1: No module named"),
        ("x = 1\n\n1 / 0\n", "cannot be imported: ZeroDivisionError in line 3: division by zero"),
        ("def broken(:\n", "cannot be imported: SyntaxError"),
        (
            "from reseen.methods import METHODS\nMETHODS.register('sphere', 1)\n",
            "method 'sphere' exists already",
        ),
    ],
)
def test_a_plugin_that_fails_is_one_line_with_its_file(tmp_path, monkeypatch, content, message):
    monkeypatch.setenv(PLUGINS, "")
    file = tmp_path / "mine.py"
    file.write_text(content)
    with pytest.raises(SettingsError, match=message) as caught:
        load_plugin(file)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert os.environ[PLUGINS] == ""
    assert "reseen_plugin_mine" not in sys.modules


def test_a_plugin_that_is_not_there(tmp_path):
    with pytest.raises(SettingsError, match="no file"):
        load_plugin(tmp_path / "nothing.py")


def test_processes_that_are_started_load_the_same_plugins(tmp_path, monkeypatch):
    monkeypatch.setenv(PLUGINS, "")
    file = tmp_path / "counting.py"
    file.write_text("import builtins\nbuiltins.reseen_count = getattr(builtins, 'reseen_count', 0) + 1\n")
    import builtins

    load_plugin(file)
    load_plugin(file)
    assert builtins.reseen_count == 1, "loaded once a process"
    del sys.modules["reseen_plugin_counting"]
    load_plugins_of_environment()  # as a process does that inherits the environment
    assert builtins.reseen_count == 2
    del builtins.reseen_count


class Unclustered(AbstractClustering):
    name: str = "mine"


class Nameless(DbscanClustering):
    name: str = "yours"


class Incomplete(DbscanClustering):
    name: str = "mine"
    radius: float


MARKET = DATASETS["market1501"]


@pytest.mark.parametrize(
    ("table", "row", "message"),
    [
        (CLUSTERINGS, 3, "clustering 'mine' is not a subclass of AbstractClustering"),
        (CLUSTERINGS, Unclustered, "clustering 'mine' does not implement cluster"),
        (CLUSTERINGS, Nameless, "clustering 'mine' has the name 'yours'; give `name` the default 'mine'"),
        (CLUSTERINGS, Incomplete, "clustering 'mine' has no default for radius"),
        (DATASETS, 3, "reader 'mine' is registered as int, and a Dataset is needed"),
        (DATASETS, MARKET, "reader 'mine' has the layout .*give `layout` the value 'mine'"),
        (
            DATASETS,
            replace(MARKET, layout="mine", matches=None),
            "lacks a function: `matches` and `training`",
        ),
        (DATASETS, replace(MARKET, layout="mine", splits=3), "`splits` that are no function"),
        (DATASETS, replace(MARKET, layout="mine", variants=()), "has no variant"),
        (STORES, 3, "store 'mine' is registered as int, and a RegisteredStore is needed"),
        (STORES, RegisteredStore(None, "mine://x"), "store 'mine' has no function `open`"),
        (STORES, RegisteredStore(print, ""), "store 'mine' has no `address`"),
    ],
)
def test_a_part_that_lacks_something_is_refused(table, row, message):
    with pytest.raises(SettingsError, match=message) as caught:
        table.register("mine", row)
    assert "mine" not in table
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("table", "name"), [(CLUSTERINGS, "dbscan"), (DATASETS, "market1501"), (STORES, "qdrant")]
)
def test_a_part_cannot_take_the_name_of_another(table, name):
    with pytest.raises(SettingsError, match=f"{table.noun} '{name}' exists already"):
        table.register(name, table[name])


def test_a_layout_and_a_scheme_that_nobody_registered(tmp_path):
    from reseen.datasets import read_training
    from reseen.gallery.store import open_store

    with pytest.raises(SettingsError, match=r"data.layout: no layout 'markt1501'; did you mean 'market1501'"):
        read_training(tmp_path, "markt1501")
    with pytest.raises(GalleryError, match=r"mine://...: unknown kind .*qdrant://host:6333/name.*--plugin"):
        open_store("mine://x")
