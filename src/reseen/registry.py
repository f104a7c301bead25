"""Tables that other packages and a user's own file can add to, such as the table of methods.

A package adds a row by an entry point, which names an object that is a row of that table:

    [project.entry-points."reseen.methods"]
    static-centroids = "mypackage.static_centroids:METHOD"

A file given by `--plugin FILE.py` adds one by `METHODS.register("static-centroids", METHOD)`.
"""

import importlib.util
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Generic, TypeVar

from reseen.errors import ReseenError, SettingsError

Row = TypeVar("Row")

PLUGINS = "RESEEN_PLUGINS"
"""Environment variable with the plug-in files of this process, which the processes that it starts load too."""


class Registry(dict[str, Row], Generic[Row]):
    """Rows by name: those of the package, then those of entry points, which are loaded when a name is looked up.

    Args:
        group: group of entry points, such as `reseen.methods`.
        noun: what a row is called in messages, such as `method`.
        rows: the rows of the package.
        check: gets a name and a row; returns what is wrong with the row, or an empty text.
    """

    def __init__(
        self,
        group: str,
        noun: str,
        rows: Mapping[str, Row],
        check: Callable[[str, Row], str] = lambda _, __: "",
    ) -> None:
        super().__init__(rows)
        self.group, self.noun = group, noun
        self._check = check
        self._loaded = False

    def register(self, name: str, row: Row) -> None:
        """Add a row.

        Raises:
            SettingsError: the name is taken, or the row lacks something.
        """
        if name in self:
            raise SettingsError(f"{self.noun} '{name}' exists already; choose another name")
        if fault := self._check(name, row):
            raise SettingsError(f"{self.noun} '{name}' {fault}")
        self[name] = row

    def find(self, name: str) -> Row | None:
        """The row of a name, None where there is none; entry points are loaded if the package has no such row.

        Raises:
            SettingsError: an entry point cannot be loaded; names its package.
        """
        if name not in self:
            self.load()
        return self.get(name)

    def load(self) -> None:
        """Load the entry points, once a process.

        Raises:
            SettingsError: one cannot be imported, takes a name that exists, or lacks something.
        """
        if self._loaded:
            return
        self._loaded = True
        for point in metadata.entry_points(group=self.group):
            place = f"{point.value} of the package {point.dist.name if point.dist else '(unknown)'}"
            try:
                row = point.load()
            except Exception as error:  # whatever somebody else's module raises
                raise SettingsError(f"{place}: cannot be imported: {_reason(error)}") from error
            try:
                self.register(point.name, row)
            except SettingsError as error:
                raise SettingsError(f"{place}: {error}") from None


def load_plugin(file: Path) -> None:
    """Run a Python file that registers rows; processes started by this one load it too.

    Raises:
        SettingsError: there is no such file, it fails, or what it registers does not fit; names the file.
    """
    path = file.expanduser().absolute()
    loaded = [entry for entry in os.environ.get(PLUGINS, "").split(os.pathsep) if entry]
    name = f"reseen_plugin_{path.stem}"
    if str(path) in loaded and name in sys.modules:
        return
    if not path.is_file():
        raise SettingsError(
            f"--plugin: no file {file}; give a Python file that registers a method or another part"
        )
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise SettingsError(f"--plugin: {file} is no Python file; its name must end in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except ReseenError as error:
        del sys.modules[name]
        raise SettingsError(f"--plugin: {file}: {error}") from None
    except Exception as error:  # whatever the file raises
        del sys.modules[name]
        raise SettingsError(f"--plugin: {file} cannot be imported: {_reason(error, path)}") from error
    if str(path) not in loaded:
        os.environ[PLUGINS] = os.pathsep.join([*loaded, str(path)])


def load_plugins_of_environment() -> None:
    """Load the plug-in files of the process that started this one.

    Raises:
        SettingsError: see `load_plugin`.
    """
    for entry in os.environ.get(PLUGINS, "").split(os.pathsep):
        if entry:
            load_plugin(Path(entry))


def _reason(error: Exception, path: Path | None = None) -> str:
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if path and frame.filename == str(path)
    ]
    place = f" in line {lines[-1]}" if lines else ""
    return f"{type(error).__name__}{place}: {error}"
