"""Output to a terminal or a file that is not UTF-8."""

import io
import sys

import pytest

from reseen.cli.encodings import accept_any_encoding


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
def test_whatever_the_encoding_lacks_is_shown_in_other_characters(monkeypatch, encoding):
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding=encoding))
    accept_any_encoding()
    print("18 queries · 17.3 ± 0.5", "⠋", "\u4e2d.jpg", "a\udcff.jpg", "\U0001f600")
    sys.stdout.flush()
    shown = written.getvalue().decode(encoding)
    assert "a\\udcff.jpg" in shown
    wanted = "18 queries - 17.3 +- 0.5 . \\u4e2d.jpg a\\udcff.jpg \\U0001f600\n"
    assert shown == wanted or encoding != "ascii"
    assert ("中" in shown) == (encoding == "utf-8")


def test_a_command_line_in_ascii_ends_without_a_traceback(trained, crowd, monkeypatch, tmp_path):
    from reseen.cli import main

    written, said = io.BytesIO(), io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(said, encoding="ascii"))
    assert (
        main(["evaluate", str(trained), "--data", str(crowd), "--json", str(tmp_path / "straße.json")]) == 0
    )
    sys.stdout.flush()
    assert b"stra\\xdfe.json" in written.getvalue().replace(b"\n", b"")
