"""People from the first recordings to a model that was trained anew: named, corrected, adopted, joined by new crops."""

import csv
import json
import re
from collections import Counter

import pytest

import reseen
from reseen.datasets import read_training

NAMES = {"Anna": 0, "Ben": 1, "Cleo": 2}
"""Drawn people by name, in the order of their numbers."""


def _person(path):
    return int(path.rpartition("/")[2][:4])


@pytest.fixture
def days(crowd):
    """Two manifests beside the drawn crops: of each person and camera the first crops, and the others, as tracklets."""
    table = read_training(crowd)
    rows = []
    for row, path in enumerate(table.texts):
        camera = table.camera_names[table.cameras[row]]
        rows.append([path, camera, _person(path), float(re.search(r"_(\d{6})_", path)[1])])
    seen = Counter()
    halves = ([], [])
    for path, camera, person, time in sorted(rows, key=lambda row: row[3]):
        late = seen[camera, person] >= 2
        seen[camera, person] += 1
        halves[late].append([path, camera, f"{person}-{late:d}", time])
    for name, half in zip(("first", "second"), halves, strict=True):
        with (crowd / f"{name}.csv").open("w") as file:
            csv.writer(file).writerows([["path", "camera", "tracklet", "time"], *half])
    with (crowd / "all.csv").open("w") as file:
        csv.writer(file).writerows([["path", "camera", "tracklet", "time"], *halves[0], *halves[1]])
    yield crowd
    for name in ("first", "second", "all"):
        (crowd / f"{name}.csv").unlink()


def _clusters(file, paths, cluster_of):
    with file.open("w") as lines:
        csv.writer(lines).writerows([["path", "cluster"], *([path, cluster_of(path)] for path in paths)])
    return file


def _paths(manifest):
    with manifest.open() as lines:
        return [row["path"] for row in csv.DictReader(lines)]


def _people(gallery):
    """Drawn people by the name, or number, of the person whose crops theirs are."""
    with reseen.open_gallery(gallery) as opened:
        return {
            one.name or one.id: Counter(_person(member.entry.image) for member in one.members)
            for one in opened.people.all()
        }


def test_names_last_from_the_first_recordings_to_another_model(
    reseen_says, untrained_run, tiny_flags, days, tmp_path
):
    def done(*words):
        code, out, err = reseen_says(*words)
        assert code == 0, (words, err)
        return out

    drawn = sorted({_person(path) for path in _paths(days / "first.csv")})
    order = {person: place for place, person in enumerate(drawn)}
    mine, better = tmp_path / "mine", tmp_path / "better"
    # The first recordings, in clusters with a mistake: the first two people are one.
    wrong = _clusters(
        tmp_path / "c.csv", _paths(days / "first.csv"), lambda path: max(order[_person(path)], 1)
    )
    index = ("index", untrained_run.folder, "--quiet", "--gallery", mine, "--data")
    done(*index, days / "first.csv", "--clusters", wrong)
    done("people", "update", mine)
    both = next(one for one, crops in _people(mine).items() if len(crops) == 2)
    images = [path for path in _paths(days / "first.csv") if order[_person(path)] == 0]
    done("people", "split", mine, both, *(word for path in images for word in ("--image", path)))
    for name, place in NAMES.items():
        number = next(one for one, crops in _people(mine).items() if set(crops) == {drawn[place]})
        done("people", "rename", mine, number, name)
    named = {name: {drawn[place]} for name, place in NAMES.items()}
    assert {name: set(crops) for name, crops in _people(mine).items() if name in NAMES} == named
    before = _people(mine)

    # The next recordings are another manifest of the same folder: its tracklets are other ones.
    grown = done(*index, days / "second.csv", "--same-from", "1", "--new-below", "-1")
    assert "People: " in grown
    assert "joined" not in grown, "no tracklet of the first manifest goes on in the second"
    assert {name: _people(mine)[name] for name in NAMES} == {name: before[name] for name in NAMES}
    done("people", "undo", mine)
    assert _people(mine) == before
    done("people", "redo", mine)

    # A model that was trained anew, from the old one, with what the corrections say of pairs.
    run, at = tmp_path / "run", tiny_flags.index("--model.weights")
    done(
        "train", "cluster-contrast", "--quiet", "--data", days / "all.csv", "--out", run, *tiny_flags[:at],
        *tiny_flags[at + 2 :], "--model.start", untrained_run.folder, "--data.constraints", mine / "answers.csv",
    )  # fmt: skip
    right = _clusters(tmp_path / "d.csv", _paths(days / "all.csv"), lambda path: 9 - order[_person(path)])
    done("index", run, "--quiet", "--gallery", better, "--data", days / "all.csv", "--clusters", right)
    assert "taken over" in done("people", "adopt", better, mine)
    adopted = _people(better)
    planned = json.loads(done("people", "update", better, "--dry-run", "--json"))
    assert _people(better) == adopted
    done("people", "update", better)
    after = _people(better)
    assert {name: set(crops) for name, crops in after.items() if name in NAMES} == named
    assert after["Anna"] == Counter({drawn[0]: after["Anna"].total()})
    assert after["Anna"].total() > before["Anna"].total(), "crops of the second manifest follow the cluster"
    changed = sum((after[one] - adopted.get(one, Counter())).total() for one in after)
    listed = [
        one for one in planned["differences"] if one["kind"] not in ("conflict", "asked", "named", "left")
    ]
    assert sum(len(one["keys"]) for one in listed) == changed, "every crop that changed is listed"
    done("people", "undo", better)
    assert _people(better) == adopted
    done("people", "undo", better)
    assert _people(better) == {}
