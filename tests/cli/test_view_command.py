"""`reseen view` from the command line."""

import subprocess
import sys
from types import SimpleNamespace

from reseen.cli import main


def test_a_line_is_printed_before_torch_is_loaded(tmp_path):
    """The import of what loads torch is replaced by a failure, so that only what comes before it can be printed."""
    script = (
        "import sys; sys.modules['torch'] = None\n"
        "from reseen.cli import main\n"
        f"main(['view', {str(tmp_path / 'gallery')!r}, '--no-browser'])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout == "Starting the viewer ...\n"
    assert done.returncode


def test_quiet_prints_only_what_is_needed_to_open_it(monkeypatch, capsys):
    seen = []
    fake = SimpleNamespace(
        view_gallery=lambda *_, say, **__: (seen.append(capsys.readouterr().out), say("Open it"))
    )
    monkeypatch.setitem(sys.modules, "reseen.viewer.open", fake)
    for flags, first in (((), "Starting the viewer ...\n"), (("--quiet",), "")):
        assert main(["view", "postgresql://user:secret@host/people", *flags]) == 0
        assert seen.pop() == first
        assert capsys.readouterr().out == "Open it\n"
