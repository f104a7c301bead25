"""The mutation tester: its changes of a source, its sample, and the table."""

import pytest
from benchmarks.mutating.mutations import MutableModule

from benchmarks import mutants

SOURCE = '''"""A module."""

LIMIT: int = 3


@decorated(1)
def clamp(value: float = 1.0) -> float:
    """Between 0 and 3."""
    if value < 0 or value > LIMIT:
        raise ValueError(f"not in 0 to {LIMIT + 1}")
    return min(value + 1, LIMIT)
'''


def changes(source):
    module = MutableModule("part/clamp.py", source)
    return [mutant for mutant in map(module.mutant, range(len(module))) if mutant]


def test_a_mutant_is_one_change_of_code_and_says_where():
    found = changes(SOURCE)
    assert {(mutant.line, mutant.after) for mutant in found} == {
        (3, "LIMIT: int = 4"),
        (7, "def clamp(value: float = 2.0) -> float:"),
        (9, "if value <= 0 or value > LIMIT:"),
        (9, "if value < 1 or value > LIMIT:"),
        (9, "if value < 0 or value >= LIMIT:"),
        (9, "if value < 0 and value > LIMIT:"),
        (11, "return min(value - 1, LIMIT)"),
        (11, "return min(value + 2, LIMIT)"),
        (11, "return min(value + 1, )"),
        (11, "return min(LIMIT)"),
    }
    for mutant in found:
        assert mutant.source != SOURCE
        assert mutant.before in SOURCE
        compile(mutant.source, "mutant", "exec")
    assert len({mutant.key for mutant in found}) == len(found)


@pytest.fixture
def package(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "part.py").write_text(SOURCE)
    return tmp_path


def test_the_sample_is_that_of_its_seed_and_takes_packages_in_turn(package):
    population, chosen = mutants.sample(package, ["one", "two"], 4, seed=1)
    assert population == {"one": len(changes(SOURCE)), "two": len(changes(SOURCE))}
    assert [mutant.module.split("/")[0] for mutant in chosen] == ["one", "two"] * 4
    assert [mutant.key for mutant in chosen] == [
        mutant.key for mutant in mutants.sample(package, ["one", "two"], 4, seed=1)[1]
    ]
    longer = [mutant.key for mutant in mutants.sample(package, ["one", "two"], 5, seed=1)[1]]
    assert longer[:8] == [mutant.key for mutant in chosen]
    assert len(mutants.sample(package, ["one"], 10**6, seed=1)[1]) == population["one"]


def test_the_table_counts_outcomes():
    rows = [("a", "killed"), ("b", "timeout"), ("c", "survived"), ("d", "survived")]
    record = {
        "population": {"losses": 1200},
        "mutants": [{"key": key, "module": "losses/x.py", "outcome": outcome} for key, outcome in rows],
    }
    assert (
        mutants.table(record, {"c": "it only costs time"}).splitlines()[-1]
        == "| `losses` | 1,200 | 4 | 2 | 1 | 1 |"
    )


def test_every_equivalent_mutant_of_the_results_has_a_reason_and_survived():
    record = mutants.read(mutants.RESULTS)
    survived = {row["key"] for row in record["mutants"] if row["outcome"] == "survived"}
    equivalent = mutants.equivalent()
    assert set(equivalent) <= survived
    assert all(equivalent.values())
