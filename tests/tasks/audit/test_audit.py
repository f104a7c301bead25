"""An audit of a run on the drawn crowd: what it says, what it writes, and that no identity can reach it."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest

import reseen
from reseen.audit import Answer, read_answers, write_answers
from reseen.errors import DataError, RunError, SettingsError
from reseen.records import NOISE
from reseen.runs.checkpoint import START
from reseen.tasks.audit.audit_table import sentences
from reseen.tasks.audit.verify import SHEETS


@pytest.fixture(scope="module")
def trained(crowd, tmp_path_factory):
    """A function that copies a tiny run with few clusters, so that a test may write into it."""
    import shutil

    flags = [
        "--model.backbone", "test_efficientnet", "--model.weights", "none", "--model.norm-group", "8",
        "--data.height", "64", "--data.width", "32", "--method.sampler.clusters-per-batch", "4",
        "--method.sampler.images-per-cluster", "4", "--method.clustering.stop", "clusters",
        "--method.clustering.clusters", "8", "--train.rounds", "2", "--train.iterations", "2", "--train.device", "cpu",
    ]  # fmt: skip
    made = tmp_path_factory.mktemp("audited") / "run"
    reseen.train(reseen.load_recipe("sphere-contrast", flags), crowd, made, quiet=True)

    def copy(place):
        shutil.copytree(made, place)
        return place

    return copy


@pytest.fixture
def run(trained, tmp_path):
    return trained(tmp_path / "run")


def person(path):
    return path.rpartition("/")[2].partition("_")[0]


def answer_all(page, out, earlier=()):
    """Answer a page as somebody who knows everybody; returns the number of questions."""
    text = page.read_text(encoding="utf-8")
    begin = text.index('id="data">') + len('id="data">')
    data = json.loads(text[begin : text.index("</script>", begin)])
    made = [Answer(*row[:3], tuple(row[3])) for row in data["earlier"]]
    for question in data["questions"]:
        paths = tuple(crop["path"] for crop in question["crops"])
        same = len({person(path) for path in paths}) == 1
        made.append(Answer(data["sheet"], question["stratum"], "same" if same else "different", paths))
    write_answers(out, made)
    return len(data["questions"])


def test_an_audit_says_and_writes_what_it_found(run, crowd):
    found = reseen.audit_run(run, crowd, views=2, quiet=True)
    assert found.crops == 72
    assert 0 <= found.score <= 2
    assert found.baseline == "untrained"
    assert found.verdict.after == pytest.approx(found.score)
    assert found.quality.clusters <= 8
    assert -1 <= found.stability <= 1
    assert found.health.camera_mixing is not None
    assert len(found.size_spreads) == 2
    assert found.verification is None
    written = json.loads((run / "audit.json").read_text())
    assert written["score"] == pytest.approx(found.score)
    assert written["verdict"]["outcome"] == found.verdict.outcome
    assert written["health"]["alarms"] == []
    assert written["calibration"] is None
    assert found.calibration is None
    assert 0.01 <= written["random_pairs"][0]["share"] < 0.5
    lines = "\n".join(sentences(found))
    assert "No threshold and no probabilities" in lines
    assert "random pairs of these crops has a similarity of" in lines


def test_the_same_audit_twice_is_the_same(run, crowd):
    first, again = (reseen.audit_run(run, crowd, quiet=True, seed=3) for _ in range(2))
    assert first.to_json() == again.to_json()


def test_no_name_of_a_person_is_looked_at(run, crowd, tmp_path):
    """The same crops under names that tell nothing have the same score."""
    table = reseen.read_training(crowd)
    for place, path in enumerate(table.paths):
        (tmp_path / "plain").mkdir(exist_ok=True)
        (tmp_path / "plain" / f"{place:05d}.jpg").write_bytes((crowd / path).read_bytes())
    plain = replace(
        table, root=tmp_path / "plain", paths=tuple(f"{place:05d}.jpg" for place in range(len(table)))
    )
    named, unnamed = (reseen.audit_run(run, data, quiet=True) for data in (table, plain))
    first, second = (audit.to_json() | {"data": ""} for audit in (named, unnamed))
    assert first == second


def test_without_cameras_mixing_is_unknown(run, crowd):
    table = reseen.read_training(crowd)
    bare = replace(table, cameras=np.full(len(table), -1), camera_names=())
    found = reseen.audit_run(run, bare, quiet=True)
    assert found.health.camera_mixing is None
    assert found.score is not None


def test_a_baseline_is_another_run_or_what_the_run_started_with(trained, run, crowd, tmp_path):
    other = trained(tmp_path / "other")
    same = reseen.audit_run(run, crowd, baseline=other, quiet=True)
    assert same.baseline == "other"
    assert same.verdict.outcome == "no different"
    assert same.verdict.interval == (0.0, 0.0)
    start = reseen.audit_run(run, crowd, baseline="untrained", quiet=True)
    assert start.verdict == reseen.audit_run(run, crowd, quiet=True).verdict
    (run / START).unlink()
    assert reseen.audit_run(run, crowd, quiet=True).verdict is None
    with pytest.raises(RunError, match="train again to compare"):
        reseen.audit_run(run, crowd, baseline="untrained", quiet=True)


def test_answers_on_every_pair_give_the_true_precision(run, crowd, tmp_path):
    """Whatever the clusters are; how often intervals hold the truth, `tests/audit` counts."""
    page, file = tmp_path / "pairs.html", tmp_path / "answers.csv"
    table = reseen.read_training(crowd)
    half = table.select(range(0, len(table), 2))
    asked = reseen.audit_run(run, half, verify_page=page, questions=1500, quiet=True)
    assert asked.page == page
    answer_all(page, file)
    found = reseen.audit_run(run, half, answers=[file], quiet=True)
    said = found.verification
    assert said.current
    assert said.unsure == said.other_sheets == 0
    assert said.precision.value == pytest.approx(_true_precision(run, half))
    assert said.precision.low <= said.precision.value <= said.precision.high
    assert 0 < said.recall.low <= said.recall.value <= said.recall.high
    assert found.calibration.answers > 0
    assert reseen.read_calibration(run) == found.calibration
    assert found.calibration.trusted or found.calibration.threshold is None
    assert "Trust: " in "\n".join(sentences(found))
    assert (
        json.loads((run / "audit.json").read_text())["verification"]["precision"]["value"]
        == said.precision.value
    )


def with_tracklets(table, tracklets):
    """The crops with these tracklets, all of which are there at one moment."""
    return replace(table, tracklets=np.asarray(tracklets, dtype=np.int64), times=np.zeros(len(table)))


def test_tracklets_are_known_without_answers(run, crowd):
    table = reseen.read_training(crowd)
    people = np.unique([person(path) for path in table.paths], return_inverse=True)[1]
    found = reseen.audit_run(run, with_tracklets(table, people * 10 + table.cameras), quiet=True)
    assert found.calibration.answers == 0
    assert "0 answers, and tracklets, which know" in found.calibration.reason
    assert "tracklets" in "\n".join(sentences(found))
    assert reseen.audit_run(run, table, quiet=True).calibration is None


def test_tracklets_that_answers_contradict_are_not_used(run, crowd, tmp_path):
    """Tracklets by the number of the row put strangers together; those by person are believed."""
    page, file = tmp_path / "pairs.html", tmp_path / "answers.csv"
    table = reseen.read_training(crowd).select(range(0, len(reseen.read_training(crowd)), 2))
    people = np.unique([person(path) for path in table.paths], return_inverse=True)[1]
    right = with_tracklets(table, people * 10 + table.cameras)
    wrong = with_tracklets(table, np.arange(len(table)) % 3 * 10 + table.cameras)
    for given, used in ((right, True), (wrong, False)):
        reseen.audit_run(run, given, verify_page=page, questions=600, quiet=True)
        answer_all(page, file)
        found = reseen.audit_run(run, given, answers=[file], quiet=True)
        assert found.calibration.answers > 0
        assert ("tracklets" in found.calibration.reason) == used


def _true_precision(run, table):
    """Of the clusters that an audit makes, pair by pair."""
    import torch

    from reseen.data.crops import open_crops
    from reseen.features.extract import extract
    from reseen.tasks.audit.audit import recluster_with_run

    opened = reseen.open_run(run)
    encoder = opened.encoder()
    crops = open_crops(table, opened.recipe.data, encoder.height, encoder.width, progress=False)
    device = torch.device("cpu")
    labels = recluster_with_run(opened, encoder, crops, device)(extract(encoder, crops, device)).labels.labels
    people = np.array([person(path) for path in table.paths])
    together = (labels[:, None] == labels) & (labels >= 0)[:, None] & ~np.eye(len(labels), dtype=bool)
    return (people[:, None] == people)[together].mean()


def test_what_was_answered_is_not_asked_again_and_is_kept(run, crowd, tmp_path):
    page, file = tmp_path / "pairs.html", tmp_path / "answers.csv"
    reseen.audit_run(run, crowd, verify_page=page, questions=40, quiet=True)
    first = answer_all(page, file)
    before = {frozenset(one.crops) for one in read_answers([file])}
    reseen.audit_run(run, crowd, verify_page=page, answers=[file], questions=40, quiet=True)
    second = answer_all(page, file)
    after = read_answers([file])
    assert len(after) == first + second
    assert before < {frozenset(one.crops) for one in after}


def test_answers_on_another_state_are_told_of_and_left_out(run, crowd, tmp_path):
    page, file = tmp_path / "pairs.html", tmp_path / "answers.csv"
    reseen.audit_run(run, crowd, verify_page=page, quiet=True)
    answer_all(page, file)
    sheets = json.loads((run / SHEETS).read_text())
    (run / SHEETS).write_text(json.dumps({"another": next(iter(sheets.values()))}))
    moved = [replace(one, sheet="another") for one in read_answers([file])]
    write_answers(file, moved)
    found = reseen.audit_run(run, crowd, answers=[file], quiet=True)
    assert not found.verification.current
    assert found.calibration is None
    write_answers(file, [replace(one, sheet="foreign") for one in moved])
    with pytest.raises(DataError, match=r"none of the .* answers belongs to a sheet of"):
        reseen.audit_run(run, crowd, answers=[file], quiet=True)


def test_answers_are_given_back_to_training(run, crowd, tmp_path):
    page, file = tmp_path / "pairs.html", tmp_path / "answers.csv"
    reseen.audit_run(run, crowd, verify_page=page, quiet=True)
    answer_all(page, file)
    recipe = reseen.open_run(run).recipe
    learned = recipe.model_copy(update={"data": recipe.data.model_copy(update={"constraints": file})})
    seen = []
    again = reseen.train(
        learned, crowd, tmp_path / "again", quiet=True, on_clusters=lambda _, labels: seen.append(labels)
    )
    row = {path: place for place, path in enumerate(reseen.read_training(crowd).texts)}
    for labels in seen:
        for one in read_answers([file]):
            numbers = [int(labels.labels[row[crop]]) for crop in one.crops]
            if one.verdict == "same":
                assert len(set(numbers)) == 1
                assert NOISE not in numbers
            elif len(one.crops) == 2:
                assert numbers[0] != numbers[1] or numbers[0] == NOISE  # crops in no cluster share none
    assert any(note.startswith("constraints merged") for note in again.log[-1]["notes"])


def test_answers_of_other_crops_are_an_error(run, crowd, tmp_path):
    write_answers(tmp_path / "a.csv", [Answer("s", "x", "same", ("p.jpg", "q.jpg"))])
    recipe = reseen.open_run(run).recipe
    learned = recipe.model_copy(
        update={"data": recipe.data.model_copy(update={"constraints": tmp_path / "a.csv"})}
    )
    with pytest.raises(DataError, match="none of its 1 answers is about crops of"):
        reseen.train(learned, crowd, tmp_path / "again", quiet=True)


def test_counts_out_of_range_and_too_few_crops_say_so(run, crowd):
    with pytest.raises(SettingsError, match="views must be at least 1"):
        reseen.audit_run(run, crowd, views=0, quiet=True)
    with pytest.raises(SettingsError, match="questions must be at least 20"):
        reseen.audit_run(run, crowd, questions=3, quiet=True)
    with pytest.raises(SettingsError, match="false_matches must be above 0 and below 1"):
        reseen.audit_run(run, crowd, false_matches=1.5, quiet=True)
    with pytest.raises(SettingsError, match="which needs answers"):
        reseen.audit_run(run, crowd, false_matches=0.2, quiet=True)
    with pytest.raises(DataError, match="needs at least 2 crops, found 1"):
        reseen.audit_run(run, reseen.read_training(crowd).select([0]), quiet=True)


def test_a_calibration_that_is_not_there_says_how_to_make_it(run):
    with pytest.raises(DataError, match="create it with `reseen audit`"):
        reseen.read_calibration(run)
    (run / "audit.json").write_text("{")
    with pytest.raises(DataError, match="damaged"):
        reseen.read_calibration(run)
    values = {"data": "", "score": 0.5, "verdict": None, "calibration": None}
    (run / "audit.json").write_text(json.dumps(values))
    with pytest.raises(DataError, match="holds no calibration; answer questions"):
        reseen.read_calibration(run)


def test_a_damaged_file_of_sheets_says_so(run, crowd, tmp_path):
    (run / SHEETS).write_text("[1]")
    with pytest.raises(DataError, match="delete it"):
        reseen.audit_run(run, crowd, verify_page=tmp_path / "p.html", quiet=True)


def test_the_file_of_answers_opens_in_a_spreadsheet(tmp_path):
    write_answers(tmp_path / "a.csv", [Answer("s", "x", "same", ("p.jpg", "q.jpg"))])
    with (tmp_path / "a.csv").open(newline="") as file:
        assert list(csv.reader(file)) == [
            ["sheet", "stratum", "answer", "crop_1", "crop_2"],
            ["s", "x", "same", "p.jpg", "q.jpg"],
        ]


def test_the_run_with_the_highest_score_is_chosen(trained, run, crowd, tmp_path):
    other = trained(tmp_path / "other")
    for folder in (run, other):
        reseen.audit_run(folder, crowd, quiet=True)

    def scored(folder, **changes):
        values = json.loads((folder / "audit.json").read_text())
        (folder / "audit.json").write_text(json.dumps(values | changes))

    scored(run, score=0.4, verdict=None)
    scored(other, score=0.5, verdict=None)
    assert reseen.choose_run([run, other]).folder == other
    assert reseen.choose_run([reseen.open_run(run)]).folder == run
    scored(other, verdict={"outcome": "worse"})
    assert reseen.choose_run([run, other]).folder == run
    scored(run, verdict={"outcome": "worse"})
    assert reseen.choose_run([run, other]).folder == other
    scored(other, verdict="worse")
    with pytest.raises(DataError, match="damaged"):
        reseen.choose_run([run, other])
    scored(other, verdict=None)
    scored(other, data="other crops")
    with pytest.raises(DataError, match="audited on different crops"):
        reseen.choose_run([run, other])
    (other / "audit.json").unlink()
    with pytest.raises(DataError, match="create it with `reseen audit`"):
        reseen.choose_run([run, other])
    scored(run, score=None)
    with pytest.raises(RunError, match="no run has an audit score"):
        reseen.choose_run([run])
    with pytest.raises(RunError, match="no run to choose from"):
        reseen.choose_run([])
