"""No test fails for being slow: limits catch what hangs, and nothing is asserted of how long work took."""

import ast
import re
import tomllib

import pytest
from tests.house.source import PROJECT
from tests.limits import HANG_SECONDS

SOURCES = sorted([*(PROJECT / "tests").rglob("*.py"), *(PROJECT / "benchmarks" / "faulting").glob("*.py")])
SPEED = re.compile(r"(seconds|elapsed|perf_counter\(\)|monotonic\(\))[^=]* <=? \d")
"""`... seconds < 2`, and not `0 < ... seconds`."""


def number(node):
    return isinstance(node, ast.Constant) and isinstance(node.value, int | float)


def faults(text):
    """What is wrong with a test's source: the line and why."""
    tree = ast.parse(text)
    polled = {
        call for loop in ast.walk(tree) if isinstance(loop, ast.While) for call in ast.walk(loop)
    }  # a pause between two looks
    for node in ast.walk(tree):
        if isinstance(node, ast.Assert) and SPEED.search(ast.unparse(node.test)):
            yield node.lineno, "asserts how long something took"
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func).rpartition(".")[2]
        if any(word.arg == "timeout" and number(word.value) for word in node.keywords):
            yield node.lineno, "has a limit of its own; take one of tests/limits.py"
        if name in {"wait", "timeout"} and node.args and number(node.args[0]):
            yield node.lineno, "has a limit of its own; take one of tests/limits.py"
        if ast.unparse(node.func) in {"httpx.Client", "httpx.get", "httpx.post"} and not any(
            word.arg == "timeout" for word in node.keywords
        ):
            yield node.lineno, "has the five seconds of httpx; give it a timeout of tests/limits.py"
        if ast.unparse(node.func).endswith("chromium.launch") and not any(
            word.arg == "timeout" for word in node.keywords
        ):
            yield node.lineno, "has the half minute of Playwright; give it a timeout of tests/limits.py"
        if name == "wait_for_timeout" and node not in polled:
            yield node.lineno, "takes for granted that something is done after a while; wait until it is"


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: str(file.relative_to(PROJECT)))
def test_limits_are_far_away(file):
    found = [f"{file.relative_to(PROJECT)}:{line} {why}" for line, why in faults(file.read_text("utf-8"))]
    assert not found, "\n".join(found)


def test_the_limit_of_a_test_comes_after_those_within_it():
    options = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["tool"]["pytest"]["ini_options"]
    assert options["timeout"] > 2 * HANG_SECONDS >= 1200


@pytest.mark.parametrize(
    "line",
    [
        "assert stage.seconds < 2",
        "assert time.monotonic() - began < 1.5",
        "subprocess.run(command, timeout=60)",
        "process.communicate(timeout=30)",
        "barrier.wait(10)",
        "pytestmark = pytest.mark.timeout(300)",
        "page.wait_for_selector('.x', timeout=60_000)",
        "page.wait_for_timeout(200)",
        "httpx.Client(base_url=address)",
        "driver.chromium.launch(args=flags)",
    ],
)
def test_what_is_wrong_is_found(line):
    assert len(list(faults(line))) == 1


@pytest.mark.parametrize(
    "line",
    [
        "assert 0 < stage.seconds <= time.perf_counter() - began",
        "process.wait()",
        "process.communicate(timeout=HANG_SECONDS)",
        "while not drawn():\n    page.wait_for_timeout(50)",
        "assert found.seconds > 100 * other.seconds",
    ],
)
def test_what_is_right_is_let_through(line):
    assert not list(faults(line))
