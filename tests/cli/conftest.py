import pytest

import reseen
from reseen.cli import main


@pytest.fixture
def reseen_says(capsys):
    """A function that runs a command line in this process: (exit code, standard output, standard error)."""

    def run(*arguments):
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture
def fault(reseen_says):
    """A function that runs a command line that must fail as promised: one line, exit code 2. Returns the line."""

    def run(*arguments):
        code, out, err = reseen_says(*arguments)
        assert code == 2, out + err
        assert "Traceback" not in out + err
        lines = err.splitlines()
        assert len(lines) == 1, err
        assert lines[0].startswith("reseen: ")
        return lines[0].removeprefix("reseen: ")

    return run


@pytest.fixture
def trained(crowd, tiny_flags, tmp_path_factory):
    """A run of two rounds on the drawn crowd, made once; not to be changed."""
    folder = tmp_path_factory.getbasetemp() / "trained"
    if not folder.exists():
        reseen.train(reseen.load_recipe("cluster-contrast", tiny_flags), crowd, folder, quiet=True)
    return folder


@pytest.fixture
def train_flags(tiny_flags):
    """A function from data and run folder to a command line that trains in a second and prints the result alone."""

    def flags(data, out, *more):
        return ["train", "cluster-contrast", "--quiet", "--data", data, "--out", out, *tiny_flags, *more]

    return flags
