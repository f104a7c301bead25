"""A few mutated files of every format, and a few with other values; `benchmarks/faults.py` tries many of each."""

import random
import signal

import pytest
from benchmarks.faulting.formats import FORMATS, STRUCTURED, formats
from benchmarks.faulting.fuzz import Watch, try_mutation
from benchmarks.faulting.mutations import mutate

NUMBERS = range(12)


@pytest.fixture(scope="module")
def kinds(desk):
    """Every format."""
    return formats(desk)


@pytest.fixture
def place(desk, tmp_path):
    """Where mutated files are written: beside the crops that they name."""
    (tmp_path / "crops").symlink_to(desk.crops)

    def hang(*_):
        raise AssertionError("a reader hangs")

    before = signal.signal(signal.SIGALRM, hang)
    signal.alarm(600)
    yield tmp_path
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("name", FORMATS)
def test_the_first_file_of_a_format_is_taken_by_a_reader(kinds, place, name):
    kind = kinds[name]
    (place / kind.file).write_bytes(kind.seeds[0])
    kind.readers[0](place / kind.file)


@pytest.mark.parametrize("name", FORMATS)
def test_a_mutated_file_is_taken_or_refused_with_a_message(kinds, place, name):
    outcomes = [try_mutation(kinds[name], number, place) for number in NUMBERS]
    assert [
        (number, *said) for number, said in enumerate(outcomes) if said[0] not in ("taken", "refused")
    ] == []


@pytest.mark.parametrize("name", STRUCTURED)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_file_with_other_values_is_taken_or_refused_with_a_message(kinds, place, name):
    outcomes = [try_mutation(kinds[name], number, place, values=True) for number in NUMBERS]
    assert [
        (number, *said) for number, said in enumerate(outcomes) if said[0] not in ("taken", "refused")
    ] == []


def test_the_same_number_gives_the_same_values(kinds):
    kind = kinds["run.json"]
    made = [kind.structure(kind.seeds[0], random.Random(number)) for number in range(50)]
    assert made == [kind.structure(kind.seeds[0], random.Random(number)) for number in range(50)]
    assert len(set(made)) > 40


def test_the_list_of_formats_is_whole(kinds):
    assert tuple(kinds) == FORMATS
    assert all((kinds[name].structure is not None) == (name in STRUCTURED) for name in FORMATS)


def test_the_same_number_is_the_same_mutation():
    seeds = [bytes(range(256)) * 9, b"other" * 99]
    made = [mutate(seeds[0], seeds, number) for number in range(200)]
    assert made == [mutate(seeds[0], seeds, number) for number in range(200)]
    assert len(set(made)) > 190
    assert sum(content == seeds[0] for content in made) < 5


def test_code_that_runs_is_noticed(tmp_path):
    import pickle
    import subprocess
    import sys

    watch = Watch()
    pickle.loads(pickle.dumps(len))
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    assert {"pickle.find_class", "subprocess.Popen"} <= set(watch.events)
    assert Watch().events == []
