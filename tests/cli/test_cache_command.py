import json

import reseen
from reseen.cli.cache import clear, show
from reseen.data.pixels import open_pixels
from reseen.datasets import read_training


def test_show_and_clear(make_images, tmp_path, capsys):
    folder = tmp_path / "cache"
    show(cache_dir=folder)
    assert capsys.readouterr().out.count("It is empty.") == 2
    open_pixels(read_training(make_images("1.jpg", "2.jpg")), 64, 32, cache_dir=folder)
    show(cache_dir=folder)
    shown = capsys.readouterr().out
    assert "64 x 32" in shown
    assert "just now" in shown
    assert "1 entry, 13 kB in total" in shown
    clear(cache_dir=folder)
    assert "Freed 13 kB" in capsys.readouterr().out
    clear(cache_dir=folder)
    assert "Nothing to remove" in capsys.readouterr().out


def test_features_are_shown_and_cleared_too(untrained_run, crowd, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("RESEEN_CACHE", str(tmp_path / "cache"))
    reseen.embed(untrained_run, crowd, tmp_path / "vectors.parquet", quiet=True)
    capsys.readouterr()
    show(as_json=True)
    shown = json.loads(capsys.readouterr().out)["features"]
    assert shown["folder"] == str(tmp_path / "cache" / "features")
    [entry] = shown["entries"]
    count = len(reseen.read_training(crowd))
    assert (entry["root"], entry["run"], entry["crops"]) == (str(crowd), str(untrained_run.folder), count)
    assert entry["bytes"] > 4 * count * entry["dimension"]
    show()
    assert "Cache of features" in capsys.readouterr().out
    clear()
    assert capsys.readouterr().out.count("Freed") == 2
    show(as_json=True)
    assert json.loads(capsys.readouterr().out)["features"]["entries"] == []
