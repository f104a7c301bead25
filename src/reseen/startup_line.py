"""A line on the terminal while PyTorch is loaded, which takes seconds and prints nothing."""

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import TextIO

_LINE = "reseen: loading PyTorch ..."
_CLEAR = "\r\x1b[2K"


class StartupLine(MetaPathFinder):
    """Shows a line while a module is imported for the first time, and removes it afterwards.

    Finds no module itself: it passes on what the system's finder found.
    """

    def __init__(self, stream: TextIO, module: str = "torch") -> None:
        self._stream = stream
        self._module = module

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The specification of the module, whose execution is announced; None for every other module."""
        if fullname != self._module:
            return None
        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.loader is None:
            return None
        execute = spec.loader.exec_module

        def announced(module: ModuleType) -> None:
            self._write(_LINE)
            try:
                execute(module)
            finally:
                self._write(_CLEAR)

        spec.loader.exec_module = announced  # type: ignore[method-assign]
        return spec

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):  # a terminal that went away
            pass


def show_startup_line() -> None:
    """Announce the import of PyTorch where standard error is a terminal."""
    if sys.stderr is not None and sys.stderr.isatty() and "torch" not in sys.modules:
        sys.meta_path.insert(0, StartupLine(sys.stderr))
