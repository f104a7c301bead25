import shutil
import subprocess

import pytest
import torch
from safetensors.torch import save_file
from tests.conftest import SEED

from reseen.runs import checkpoint
from reseen.runs.checkpoint import CHECKPOINT, START
from reseen.runs.run import open_run


@pytest.fixture
def train(fault, train_flags, crowd, tmp_path):
    """A function from flags to the message that training on the crowd fails with."""
    return lambda *more, out=tmp_path / "run": fault(*train_flags(crowd, out, *more))


def with_weights(arguments, file):
    """The command line with other starting weights, which stand there already."""
    place = arguments.index("--model.weights")
    return [*arguments[: place + 1], file, *arguments[place + 2 :]]


def test_wrong_weights(fault, train_flags, crowd, tmp_path):
    def train(file):
        return fault(*with_weights(train_flags(crowd, tmp_path / "run"), file))

    file = tmp_path / "weights.safetensors"
    assert f"model.weights: no file {file}" in train(file)
    file.write_bytes(b"no weights at all")
    assert "is not a readable safetensors file" in train(file)
    torch.save({"a": torch.zeros(2)}, file)
    assert "pickled checkpoints are not supported" in train(file)
    save_file({"conv_stem.weight": torch.zeros(3, 3)}, file)
    assert "does not match this backbone: it lacks" in train(file)
    assert "model.weights: no file" in train(tmp_path)
    assert not (tmp_path / "run" / "checkpoint.safetensors").exists()


def test_places_that_cannot_be_written(fault, train, trained, crowd, tmp_path):
    file = tmp_path / "file"
    file.write_text("precious")
    for message in (
        train(out=file),
        train(out=file / "below" / "run"),
        fault("embed", trained, "--quiet", "--data", crowd, "--out", file / "vectors.parquet"),
        fault("data", "toy", file / "crowd", "--people", "2", "--cameras", "2", "--quiet"),
        fault("demo", file / "demo", "--quiet"),
    ):
        assert str(file) in message
    (tmp_path / "folder").mkdir()
    assert "is a folder" in fault("embed", trained, "--quiet", "--data", crowd, "--out", tmp_path / "folder")
    assert file.read_text() == "precious"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("option", ["--json", "--report"])
def test_a_score_that_cannot_be_written_is_still_shown(reseen_says, trained, crowd, tmp_path, option):
    (tmp_path / "file").write_text("")
    code, out, err = reseen_says(
        "evaluate", trained, "--quiet", "--data", crowd, option, tmp_path / "file" / "score"
    )
    assert code == 2
    assert "mAP" in out
    assert err.startswith("reseen: ")
    assert len(err.splitlines()) == 1
    assert "cannot be written" in err


def test_folders_that_hold_no_run(fault, crowd, trained, tmp_path):
    for command in (["evaluate"], ["embed", "--out", tmp_path / "vectors.parquet"]):
        arguments = [command[0], "--quiet", "--data", crowd, *command[1:]]
        assert "no such run folder" in fault(*arguments, tmp_path / "nothing")
        assert "not a run of `reseen train`, it lacks recipe.yaml, run.json" in fault(*arguments, crowd)
    broken = shutil.copytree(trained, tmp_path / "broken")
    (broken / "checkpoint.safetensors").write_bytes(b"cut off")
    assert "this checkpoint is damaged" in fault("evaluate", broken, "--quiet", "--data", crowd)
    (broken / "run.json").write_text("{")
    assert "run.json: damaged" in fault("evaluate", broken, "--quiet", "--data", crowd)


def test_a_full_disk_keeps_the_last_round_and_resume_goes_on(
    train, reseen_says, train_flags, crowd, tmp_path, monkeypatch
):
    whole = checkpoint.save_file

    def full(values, path, metadata):
        whole(values, path, metadata)
        if metadata["rounds_done"] == "2":
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "save_file", full)
    assert (
        "the disk is full; free some space and run the command again (resume training with --resume)"
        in train()
    )
    monkeypatch.undo()
    run = open_run(tmp_path / "run")
    assert run.rounds_done == 1
    assert [row["round"] for row in run.log] == [1]
    code, out, _ = reseen_says(*train_flags(crowd, tmp_path / "run", "--resume"))
    assert code == 0
    assert "2 rounds done" in out
    assert [row["round"] for row in open_run(tmp_path / "run").log] == [1, 2]


def test_a_disk_that_is_really_full(train, trained, crowd, tmp_path):
    """No simulation: a file system in which the first checkpoint has room beside the start, and the second has not."""
    place = tmp_path / "small"
    place.mkdir()
    start, later = ((trained / name).stat().st_size for name in (START, CHECKPOINT))
    size = start + 17 * later // 10  # the one before the first round is a third, without moments of Adam
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small file system is not permitted here")
    try:
        assert "the disk is full" in train(out=place / "run")
        assert open_run(place / "run").rounds_done == 1
        assert not list((place / "run").glob(".*"))
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_resuming_with_changed_data_or_settings(fault, train_flags, trained, crowd, tmp_path):
    run = shutil.copytree(trained, tmp_path / "run")
    before = (run / "checkpoint.safetensors").read_bytes()
    changed = shutil.copytree(crowd, tmp_path / "crowd")
    next((changed / "bounding_box_train").glob("*.jpg")).unlink()
    assert "have changed since this run began" in fault(*train_flags(changed, run, "--resume"))
    resume = [str(flag) for flag in train_flags(crowd, run, "--resume")]
    if "--seed" in resume:
        place = resume.index("--seed")
        del resume[place : place + 2]
    assert f"seed was {SEED}, is {SEED + 5}" in fault(*resume, "--seed", str(SEED + 5))
    assert "already contains a run; add --resume" in fault(*train_flags(crowd, run))
    assert (run / "checkpoint.safetensors").read_bytes() == before


def test_a_run_stopped_before_its_first_checkpoint_can_be_given_again(
    reseen_says, train_flags, trained, crowd, tmp_path
):
    for flags in ([], ["--resume"]):
        run = shutil.copytree(trained, tmp_path / f"run{len(flags)}")
        (run / "checkpoint.safetensors").unlink()
        (run / "log.jsonl").unlink()
        code, out, err = reseen_says(*train_flags(crowd, run, *flags))
        assert code == 0, err
        assert "2 rounds done" in out
