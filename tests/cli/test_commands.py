"""Every command as it is meant to be used."""

import json
import os
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest

import reseen
from reseen.cli import app
from reseen.features import embed as embed_module
from reseen.runs.recipe import load_recipe


def test_toy_check_train_evaluate_embed(reseen_says, train_flags, tmp_path):
    """The way of a newcomer, each command taking what the one before made."""
    crowd, run = tmp_path / "crowd", tmp_path / "runs" / "first"
    size = ["--people", "8", "--cameras", "3", "--height", "64", "--width", "32", "--processes", "1"]
    code, out, _ = reseen_says("data", "toy", crowd, *size, "--quiet")
    assert code == 0
    assert "next: reseen train cluster-contrast --data" in out

    code, out, _ = reseen_says("data", "check", crowd, "--json", tmp_path / "check.json")
    assert code == 0
    assert "Market-1501 layout" in out
    assert json.loads((tmp_path / "check.json").read_text())["splits"]["train"]["people"] == 4

    code, out, err = reseen_says(*train_flags(crowd, run))
    assert code == 0, err
    assert out.strip().replace("\n", " ").endswith(f"next: reseen evaluate {run} --data {crowd}")
    assert err == ""

    score, page = tmp_path / "score.json", tmp_path / "report.html"
    code, out, err = reseen_says(
        "evaluate", run, "--data", crowd, "--json", score, "--report", page, "--quiet"
    )
    assert code == 0, err
    assert "mAP" in out
    assert f"Score written to {score}" in out
    assert f"Report written to {page}" in out
    record = json.loads(score.read_text())
    assert record["rounds"] == 2
    values = [value for key, value in record.items() if "average_precision" in key or key == "mAP"]
    assert values, record.keys()
    assert "<html" in page.read_text()

    code, out, err = reseen_says(
        "embed", run, "--data", crowd, "--out", tmp_path / "vectors.parquet", "--quiet"
    )
    assert code == 0, err
    assert "vectors of" in out


def test_training_says_what_it_does_where_no_terminal_is(reseen_says, train_flags, crowd, tmp_path):
    arguments = [item for item in train_flags(crowd, tmp_path / "run") if item != "--quiet"]
    code, _, err = reseen_says(*arguments)
    assert code == 0
    lines = err.splitlines()
    assert sum(line.startswith("round 1: loss") for line in lines) == 1
    assert any(line.startswith("round 2: loss") and " · took " in line for line in lines)
    assert any("crops, 3 cameras" in line for line in lines)
    assert any(line.startswith("weights: none") for line in lines)


def test_embed_writes_one_unit_vector_per_crop_with_its_camera(reseen_says, trained, crowd, tmp_path):
    out = tmp_path / "deep" / "vectors.parquet"
    code, _, err = reseen_says("embed", trained, "--data", crowd, "--out", out, "--quiet")
    assert code == 0, err
    table = pq.read_table(out)
    images = reseen.read_training(crowd)
    assert table.column_names == ["path", "camera", "vector"]
    assert table["path"].to_pylist() == list(images.paths)
    assert table["camera"].to_pylist() == [images.camera_names[camera] for camera in images.cameras]
    vectors = np.array(table["vector"].to_pylist(), dtype=np.float32)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-4)
    described = json.loads(table.schema.metadata[b"reseen"])
    assert described["dimension"] == vectors.shape[1] == table.schema.field("vector").type.list_size
    assert described["size"] == [64, 32]
    assert described["rounds"] == 2
    assert [path.name for path in out.parent.iterdir()] == ["vectors.parquet"]  # the parts are gone


def test_embed_says_what_computed_the_vectors_and_how_close_they_are(
    reseen_says, fault, trained, crowd, tmp_path
):
    command = ("embed", trained, "--data", crowd, "--out", tmp_path / "vectors.parquet", "--quiet")
    code, out, err = reseen_says(*command, "--precision", "auto")
    assert code == 0, err
    assert out.splitlines()[1].startswith("computed by PyTorch ")
    assert "in float32; compared with PyTorch in float32 on 32 of the crops: cosine at least " in out
    assert "no such file; write it with `reseen export`" in fault(*command, "--exported", "none.onnx")


def test_embed_goes_on_where_it_stopped(reseen_says, trained, crowd, tmp_path, monkeypatch):
    monkeypatch.setattr(embed_module, "PART", 20)
    embed_part, parts = embed_module._embed_part, []

    def stopped_after_two(*arguments):
        if len(parts) == 2:
            raise KeyboardInterrupt
        parts.append(arguments)
        return embed_part(*arguments)

    monkeypatch.setattr(embed_module, "_embed_part", stopped_after_two)
    out = tmp_path / "vectors.parquet"
    command = ("embed", trained, "--data", crowd, "--out", out, "--quiet")
    code, _, err = reseen_says(*command)
    assert code == 130
    assert not out.exists()
    made = []

    def counted(*arguments):
        made.append(arguments)
        return embed_part(*arguments)

    monkeypatch.setattr(embed_module, "_embed_part", counted)
    code, _, err = reseen_says(*command)
    assert code == 0, err
    count = len(reseen.read_training(crowd))
    assert len(made) == -(-count // 20) - 2
    whole = reseen.embed(trained, crowd, tmp_path / "whole.parquet", quiet=True)
    assert pq.read_table(out).equals(pq.read_table(whole))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["vectors.parquet", "whole.parquet"]


def test_embed_leaves_unreadable_crops_out(reseen_says, trained, make_images, tmp_path):
    data = make_images(*[f"{index}.jpg" for index in range(6)])
    (data / "3.jpg").write_bytes(b"\xff\xd8\xffno picture")
    code, _, err = reseen_says("embed", trained, "--data", data, "--out", tmp_path / "v.parquet", "--quiet")
    assert code == 0, err
    table = pq.read_table(tmp_path / "v.parquet")
    assert table["path"].to_pylist() == ["0.jpg", "1.jpg", "2.jpg", "4.jpg", "5.jpg"]
    assert table["camera"].null_count == 5


def test_evaluate_with_a_part_of_every_query_hidden(reseen_says, trained, crowd, tmp_path):
    scores = []
    for place in range(2):
        file = tmp_path / f"{place}.json"
        flags = ("--occlude", "0.4", "--half", "upper", "--seed", "3", "--json", file, "--quiet")
        code, out, err = reseen_says("evaluate", trained, "--data", crowd, *flags)
        assert code == 0, err
        assert "40% covered" in out
        assert "upper half only" in out
        scores.append(json.loads(file.read_text()))
    assert scores[0] == scores[1]
    plain = reseen.score(trained, crowd, quiet=True).to_json()
    assert scores[0]["mAP"] == plain["mAP"]
    assert {name: part["queries"] for name, part in scores[0]["occluded"].items()} == {
        "40% covered": plain["queries"],
        "upper half only": plain["queries"],
    }
    assert scores[0]["occluded"]["40% covered"]["mAP"] != plain["mAP"]
    code, _, err = reseen_says("evaluate", trained, "--data", crowd, "--occlude", "1.5")
    assert code == 2
    assert "above 0 and below 1, found 1.5" in err


def test_names_that_are_no_text_go_through_embedding_and_clustering(
    reseen_says, trained, make_images, tmp_path
):
    data = make_images(*[f"{index}.jpg" for index in range(12)])
    (data / "3.jpg").rename(data / os.fsdecode(b"\xff.jpg"))
    vectors = tmp_path / "v.parquet"
    for command in (("embed", trained), ("cluster", trained), ("cluster", vectors)):
        out = vectors if command[0] == "embed" else tmp_path / f"{command[1].name}.csv"
        code, _, err = reseen_says(*command, "--data", data, "--out", out, "--quiet")
        assert code == 0, err
        assert "\\xff.jpg" in (
            out.read_text() if out.suffix == ".csv" else pq.read_table(out)["path"].to_pylist()
        )


def test_recipes_lists_and_prints_what_can_be_trained_again(reseen_says, tmp_path):
    code, out, _ = reseen_says("recipes")
    assert code == 0
    for name in ("cluster-contrast", "demo"):
        assert name in out
    code, out, _ = reseen_says("recipes", "demo")
    assert code == 0
    (tmp_path / "again.yaml").write_text(out)
    assert load_recipe(tmp_path / "again.yaml") == load_recipe("demo")


def test_json_in_place_of_tables(reseen_says):
    code, out, _ = reseen_says("recipes", "--json")
    assert code == 0
    assert "baseline" in json.loads(out)["cluster-contrast"]
    code, out, _ = reseen_says("recipes", "demo", "--json")
    assert json.loads(out)["method"]["name"] == "cluster-contrast"
    code, out, _ = reseen_says("doctor", "--json")
    assert {"name", "value", "state", "advice"} == set(json.loads(out)[0])
    code, out, _ = reseen_says("cache", "show", "--json")
    assert isinstance(json.loads(out)["entries"], list)


def test_every_command_is_in_one_group_with_an_example():
    grouped = [command for _, _, commands in app._GROUPS for command in commands]
    assert sorted(grouped) == sorted([*app._COMMANDS, *app._BRANCHES])
    for _, example, commands in app._GROUPS:
        assert example.split()[0] == "reseen"
        assert example.split()[1] in commands


def test_doctor(reseen_says):
    code, out, _ = reseen_says("doctor")
    assert code in (0, 2)
    for what in ("python", "torch", "device", "threads", "memory", "cache"):
        assert what in out


def test_a_run_folder_can_be_moved(reseen_says, trained, crowd, tmp_path):
    moved = shutil.copytree(trained, tmp_path / "elsewhere")
    code, out, err = reseen_says("evaluate", moved, "--data", crowd, "--quiet")
    assert code == 0, err
    assert "elsewhere" in out


def test_demo_runs_the_engine_and_shows_both_scores(reseen_says, monkeypatch, tmp_path):
    import reseen.tasks.demo as module
    from reseen.evaluate.metrics import RetrievalScore

    asked = {}
    score = object.__new__(RetrievalScore)

    def run_demo(out, **options):
        asked.update(out=out, **options)
        return module.Demo(None, score, score, tmp_path / "report.html")

    monkeypatch.setattr(module, "run_demo", run_demo)
    monkeypatch.setattr(
        "reseen.tasks.evaluation.tables.score_table", lambda scores, title: f"{title}: {', '.join(scores)}"
    )
    code, out, err = reseen_says("demo", tmp_path, "--people", "10", "--cameras", "2", "--quiet")
    assert code == 0, err
    assert asked == {"out": tmp_path, "people": 10, "cameras": 2, "quiet": True}
    assert "before, after" in out
    assert f"Open {tmp_path / 'report.html'} in a browser" in out
    assert f"reseen view {tmp_path / 'run'}" in out


def test_demo_on_video_says_where_to_look(reseen_says, monkeypatch, tmp_path):
    import reseen.video.demo as module
    from reseen.gallery.index import IndexResult
    from reseen.runs.run import Run
    from reseen.video.crop_files import CroppedVideos
    from reseen.video.record import SourceFacts, SourceRecord

    asked = {}
    facts = SourceFacts("camera1", "camera1", "x", "x", True, None, 9, 1.0, 8, 3, 7, 0, 0, ())

    def run_video_demo(out, **options):
        asked.update(out=out, **options)
        monkeypatch.setattr(Run, "rounds_done", 10)
        cropped = CroppedVideos(out / "crops", (SourceRecord(facts, ()),), 0, ())
        return module.VideoDemo(
            cropped, Run(out / "run", None, {}), IndexResult(str(out / "gallery"), 7, 0, 0, 0, 0, 0, 7)
        )

    monkeypatch.setattr(module, "run_video_demo", run_video_demo)
    code, out, err = reseen_says("demo", tmp_path, "--video", "--people", "4", "--quiet")
    assert code == 0, err
    assert asked == {"out": tmp_path, "people": 4, "cameras": 3, "quiet": True}
    assert "7 crops of 3 tracklets from 1 videos" in out
    assert f"reseen view {tmp_path / 'gallery'}" in out
    assert f"reseen watch {tmp_path / 'gallery'} {tmp_path / 'videos' / 'camera1.mp4'} --out" in out


@pytest.mark.parametrize("again", [False, True])
def test_a_tiny_demo_makes_everything_and_can_be_given_again(tiny_flags, tmp_path, again):
    recipe = load_recipe("cluster-contrast", tiny_flags)
    made = reseen.run_demo(tmp_path / "demo", recipe, people=10, cameras=2, quiet=True)
    if again:
        first = made
        made = reseen.run_demo(tmp_path / "demo", recipe, people=10, cameras=2, quiet=True)
        assert made.after.mean_average_precision == first.after.mean_average_precision
    assert made.run.rounds_done == 2
    assert made.before.mean_average_precision > 0
    assert "cluster" in made.report.read_text()


def test_workers_are_for_ray(fault, trained, crowd, tmp_path):
    words = ["embed", trained, "--data", crowd, "--out", tmp_path / "v.parquet", "--quiet"]
    assert "--workers needs --engine ray" in fault(*words, "--workers", "2")
    assert "URLs need --engine ray" in fault(*words[:3], "s3://bucket/crops", *words[4:])
