from reseen.cli.cache import clear, show
from reseen.data.pixels import open_pixels
from reseen.datasets import read_training


def test_show_and_clear(make_images, tmp_path, capsys):
    folder = tmp_path / "cache"
    show(cache_dir=folder)
    assert "It is empty." in capsys.readouterr().out
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
