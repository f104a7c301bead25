"""Ctrl-C, in a process of its own, as a person would press it."""

import json
import os
import signal
import subprocess
import sys

import pytest
from tests.limits import HANG_SECONDS

from reseen.runs.run import open_run

COMMAND = "import sys; from reseen.cli import main; sys.exit(main())"
IN_ROUND_TWO = f"""
import time
from reseen.training import loop as fit

train_round = fit.train_round

def waiting(training, plan, number, view):
    if number == 2:
        print("in round 2", flush=True)
        time.sleep(6000)
    return train_round(training, plan, number, view)

fit.train_round = waiting
{COMMAND}
"""
"""The command line, which says when it is in the middle of its second round and goes no further."""


@pytest.fixture
def start():
    """A function that starts a command line in a new process; what still runs in the end is stopped."""
    processes = []

    def run(*arguments, program=COMMAND):
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-c", program, *(str(argument) for argument in arguments)]
        processes.append(
            subprocess.Popen(
                command,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=environment,
                # a shell makes what it starts in the background deaf to Ctrl-C, and children inherit that
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            )
        )
        return processes[-1]

    yield run
    for process in processes:
        if process.poll() is None:
            process.kill()


@pytest.mark.parametrize("devices", [[], ["--devices", "2"]], ids=["alone", "two"])
def test_ctrl_c_leaves_a_usable_run_that_resume_completes(
    devices, start, train_flags, crowd, tmp_path, reseen_says
):
    run = tmp_path / "run"
    flags = train_flags(crowd, run)
    flags[flags.index("--train.rounds") + 1] = "3"
    process = start(*flags, *devices, program=IN_ROUND_TWO)
    assert process.stdout.readline() == "in round 2\n", process.communicate()[1]
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=HANG_SECONDS)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert open_run(run).rounds_done == 1
    assert (
        err.strip()
        == f"reseen: stopped; {run} is usable with 1 of 3 rounds completed; add --resume to continue"
    )
    code, out, err = reseen_says("evaluate", run, "--data", crowd, "--quiet")
    assert code == 0, err
    code, out, err = reseen_says(*flags, "--resume")
    assert code == 0, err
    assert "3 rounds done" in out
    assert [json.loads(line)["round"] for line in (run / "log.jsonl").read_text().splitlines()] == [1, 2, 3]


def test_ctrl_c_before_anything_was_trained(reseen_says, train_flags, crowd, tmp_path, monkeypatch):
    from reseen.training import setup as module

    def stop(*_arguments, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "open_crops", stop)
    code, _, err = reseen_says(*train_flags(crowd, tmp_path / "run"))
    assert code == 130
    assert err == "reseen: stopped; no round was completed; rerun the command\n"


def test_ctrl_c_elsewhere(reseen_says, monkeypatch, crowd):
    from reseen.tasks import data_check as check

    def stop(*_arguments, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr(check, "inspect_data", stop)
    code, _, err = reseen_says("data", "check", crowd)
    assert code == 130
    assert err == "reseen: stopped; what is written so far is whole and usable\n"


def test_a_fault_in_a_process_of_its_own(start, tmp_path):
    process = start("data", "check", tmp_path / "nowhere")
    out, err = process.communicate(timeout=HANG_SECONDS)
    assert process.returncode == 2
    assert out == ""
    assert err == f"reseen: {tmp_path}/nowhere: no such folder or manifest\n"
