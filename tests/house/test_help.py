import re
import subprocess
import sys

from tests.house.source import PACKAGE

HEAVY = {"torch", "torchvision", "timm", "numpy", "pydantic", "scipy", "sklearn", "faiss", "numba", "pyarrow"}


def run_and_list_modules(*arguments):
    """The output of a command line and the top-level modules it imported, in a fresh interpreter."""
    script = (
        "import sys\n"
        "from reseen.cli import main\n"
        f"code = main({list(arguments)!r})\n"
        "print('MODULES', *{name.partition('.')[0] for name in sys.modules})\n"
        "raise SystemExit(code)"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    text, _, modules = result.stdout.partition("MODULES")
    return text, set(modules.split())


def test_help_lists_every_command_and_imports_nothing_heavy():
    text, modules = run_and_list_modules("--help")
    for command in (
        "audit",
        "cache",
        "cluster",
        "compare",
        "data",
        "demo",
        "doctor",
        "embed",
        "evaluate",
        "export",
        "recipes",
        "train",
    ):
        assert f" {command} " in text
    assert not HEAVY & modules


def test_help_of_a_command_imports_nothing_heavy():
    text, modules = run_and_list_modules("train", "--help")
    assert "--resume" in text
    assert not HEAVY & modules


def test_no_flag_empties_a_list():
    text = "".join(path.read_text(encoding="utf-8") for path in (PACKAGE / "cli").glob("*.py"))
    lists = re.findall(r"^    \w+: (.*(?:list|tuple)\[.*),$", text, re.MULTILINE)
    assert lists
    assert all("negative=()" in one for one in lists), lists
