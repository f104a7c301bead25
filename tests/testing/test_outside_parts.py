"""The examples of a clustering, a reader and a store as the documentation shows them: by `--plugin`, and installed."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.limits import HANG_SECONDS

from reseen.cli import main
from reseen.cluster.clusterings import CLUSTERINGS
from reseen.datasets import DATASETS, read_splits
from reseen.gallery.store import STORES
from reseen.registry import PLUGINS

PROJECT = Path(__file__).resolve().parents[2]
TABLES = {"mutual_neighbors": CLUSTERINGS, "person_folders": DATASETS, "file_store": STORES}
NAMES = {"mutual_neighbors": "mutual-neighbors", "person_folders": "person-folders", "file_store": "jsonfile"}
PAGES = {"mutual_neighbors": "clustering", "person_folders": "reader", "file_store": "store"}


def page(example):
    return (PROJECT / "docs" / f"adding-a-{PAGES[example]}.md").read_text(encoding="utf-8")


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    """Undoes what a plug-in registers in this process."""
    monkeypatch.setenv(PLUGINS, "")
    yield
    for example, name in NAMES.items():
        TABLES[example].pop(name, None)
        sys.modules.pop(f"reseen_plugin_{example}", None)


def plugin(example):
    return ["--plugin", str(PROJECT / "examples" / f"{example}.py")]


def test_a_clustering_trains_and_clusters_by_the_command_line(crowd, tiny_flags, tmp_path, capsys):
    flags = [
        flag for pair in _pairs(tiny_flags) if not pair[0].startswith("--method.clustering") for flag in pair
    ]
    chosen = ["--method.clustering.name", "mutual-neighbors", "--method.clustering.smallest", "2"]
    chosen += ["--method.clustering.count", "1"]  # pairs: more than one on any processor
    run, csv = tmp_path / "run", tmp_path / "clusters.csv"
    train = ["train", "cluster-contrast", *plugin("mutual_neighbors"), "--quiet", "--data", str(crowd)]
    assert main([*train, "--out", str(run), *flags, *chosen]) == 0, capsys.readouterr().err
    cluster = ["cluster", str(run), *plugin("mutual_neighbors"), "--quiet", "--data", str(crowd)]
    assert main([*cluster, "--out", str(csv), "--method", "mutual-neighbors"]) == 0, capsys.readouterr().err
    assert csv.with_suffix(".html").is_file()


def test_a_reader_and_a_store_work_by_the_command_line(crowd, tiny_flags, tmp_path, capsys):
    data, run = tmp_path / "data", str(tmp_path / "run")
    train = ["train", "cluster-contrast", "--quiet", "--data", str(crowd), "--out", run, *tiny_flags]
    assert main(train) == 0, capsys.readouterr().err
    splits = read_splits(crowd)
    for folder, split in (("learn", "train"), ("test", "gallery")):
        table = splits[split]
        for row, identity in enumerate(table.identities.tolist()):
            place = data / folder / str(identity)
            place.mkdir(parents=True, exist_ok=True)
            (place / f"{table.images.cameras[row]}-{row}.jpg").write_bytes(
                (table.images.root / table.images.paths[row]).read_bytes()
            )
    evaluate = ["evaluate", run, *plugin("person_folders"), "--data", str(data)]
    assert main(evaluate) == 0, capsys.readouterr().err
    assert "mAP" in capsys.readouterr().out
    both = [*plugin("person_folders"), *plugin("file_store")]
    gallery = f"jsonfile://{tmp_path / 'gallery.json'}"
    index = ["index", run, *both, "--quiet", "--data", str(data), "--gallery", gallery]
    assert main(index) == 0, capsys.readouterr().err
    query = next((data / "test").glob("*/*.jpg"))
    search = ["search", gallery, str(query), *both, "--sheet", str(tmp_path / "search.html")]
    assert main(search) == 0, capsys.readouterr().err
    assert query.name in capsys.readouterr().out


def install(example, site):
    """What pip leaves of a package: its module, and a folder that names its entry points, both as the page shows."""
    info = site / f"{example}-0.1.dist-info"
    info.mkdir(parents=True)
    module, registrations = re.subn(
        r'^[A-Z]+\.register\(\s*"[a-z-]+",\s*(.*?),?\s*\)\s*\Z',
        r"ROW = \1\n",
        (PROJECT / "examples" / f"{example}.py").read_text(encoding="utf-8"),
        flags=re.MULTILINE | re.DOTALL,
    )
    assert registrations == 1
    (site / f"{example}.py").write_text(module, encoding="utf-8")
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {example}\nVersion: 0.1\n")
    entry = re.search(r'\[project\.entry-points\."(.+?)"\]\n(\S+) = "mypackage\.(\w+:ROW)"', page(example))
    assert entry is not None, "the page names the entry point"
    (info / "entry_points.txt").write_text(f"[{entry[1]}]\n{entry[2]} = {entry[3]}\n")


def test_installed_packages_pass_the_suites_of_their_pages(tmp_path):
    """All in one process: most of its time goes into loading torch."""
    site = tmp_path / "site"
    for example in NAMES:
        install(example, site)
        suite = re.search(r"```text\n(from reseen\.testing .+?)```", page(example), re.DOTALL)
        assert suite is not None, "the page shows the test file"
        (tmp_path / f"test_{example}.py").write_text(suite[1], encoding="utf-8")
    path = os.pathsep.join([str(site), *(str(Path(place).absolute()) for place in sys.path)])
    environment = {
        **os.environ,
        "PYTHONPATH": path,
        "OMP_NUM_THREADS": "1",
        "RESEEN_CACHE": str(tmp_path / "c"),
    }
    command = ["-m", "pytest", "-v", "-p", "no:cacheprovider", "--rootdir", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, *command, *(f"test_{example}.py" for example in NAMES)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    for example in NAMES:
        assert re.search(rf"^test_{example}\.py::\S+ PASSED", done.stdout, re.MULTILINE), example


def _pairs(flags):
    return [(flags[place], flags[place + 1]) for place in range(0, len(flags), 2)]
