import importlib
import io
import os
import pty
import subprocess
import sys

import pytest

from reseen.startup_line import StartupLine, show_startup_line


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A function that makes a module, and removes every trace of it."""
    names = []
    monkeypatch.syspath_prepend(str(tmp_path))

    def make(name, text):
        (tmp_path / f"{name}.py").write_text(text)
        names.append(name)
        importlib.invalidate_caches()
        return name

    yield make
    for name in names:
        sys.modules.pop(name, None)


def test_the_line_is_there_while_the_module_is_imported(module):
    stream = io.StringIO()
    name = module("slow_to_load", "import sys\nseen = sys.stream_of_test.getvalue()\n")
    sys.stream_of_test = stream
    sys.meta_path.insert(0, StartupLine(stream, name))
    try:
        loaded = importlib.import_module(name)
    finally:
        del sys.stream_of_test
    assert loaded.seen == "reseen: loading PyTorch ..."
    assert stream.getvalue() == "reseen: loading PyTorch ...\r\x1b[2K"
    assert not any(isinstance(finder, StartupLine) for finder in sys.meta_path)


def test_the_line_goes_where_the_import_fails(module):
    stream = io.StringIO()
    name = module("fails_to_load", "raise ImportError('no')\n")
    sys.meta_path.insert(0, StartupLine(stream, name))
    with pytest.raises(ImportError, match="no"):
        importlib.import_module(name)
    assert stream.getvalue().endswith("\r\x1b[2K")


def test_a_module_that_is_missing_stays_missing():
    stream = io.StringIO()
    sys.meta_path.insert(0, StartupLine(stream, "no_such_module_anywhere"))
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("no_such_module_anywhere")
    assert stream.getvalue() == ""


def test_nothing_is_shown_without_a_terminal():
    before = list(sys.meta_path)
    show_startup_line()
    assert sys.meta_path == before


def test_a_command_in_a_terminal_shows_it_before_torch_is_there():
    terminal, end = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "reseen", "audit", "no/such/run", "--data", "."],
        stderr=end,
        stdout=subprocess.DEVNULL,
    ) as process:
        os.close(end)
        text = b""
        try:
            while part := os.read(terminal, 4096):
                text += part
        except OSError:  # the end of a terminal
            pass
        assert process.wait() == 2
    os.close(terminal)
    assert text.startswith(b"reseen: loading PyTorch ...\r\x1b[2K")
    assert b"no/such/run" in text
