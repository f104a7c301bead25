"""No file that reseen reads can run code: nothing is unpickled, evaluated, unpacked or given to a shell.

`tests/faults/test_hostile_files.py` loads hostile files; this looks for what would let one through.
"""

import ast

import pytest
from tests.house.source import PACKAGE, imported_names, module_name, source_files

PICKLES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "jsonpickle"}
ALWAYS = {
    "eval", "exec", "compile", "__import__", "os.system", "os.popen", "yaml.load", "yaml.load_all", "yaml.full_load",
    "yaml.full_load_all", "yaml.unsafe_load", "yaml.unsafe_load_all", "torch.jit.load", "torch.hub.load",
    "torch.package.PackageImporter", "pandas.read_pickle", "pd.read_pickle", "shutil.unpack_archive",
    "runpy.run_path", "runpy.run_module",
}  # fmt: skip
"""Calls that may not be there."""
ONLY_WITH = {
    "torch.load": ("weights_only", True),
    "np.load": ("allow_pickle", False),
    "numpy.load": ("allow_pickle", False),
    "np.lib.format.read_array": ("allow_pickle", False),
    "Image.open": ("formats", ...),
}
"""Calls that must say so; `...` stands for any value."""
ONLY_IN = {"torch.export.load": "reseen.exported.torch_file"}
"""Calls that have one place, which looks the file over first."""


def dotted(node):
    """`a.b.c` for the expression, as far as it is one."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def faults(tree, module):
    """What in a syntax tree could run what a file says."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = dotted(node.func)
        said = {
            key.arg: key.value.value if isinstance(key.value, ast.Constant) else ... for key in node.keywords
        }
        if name in ALWAYS or name.endswith((".extractall", ".extract")):
            yield f"line {node.lineno}: {name}"
        if name in ONLY_WITH:
            key, value = ONLY_WITH[name]
            if key not in said or (value is not ... and said[key] is not value):
                yield f"line {node.lineno}: {name} without {key}={value}"
        if ONLY_IN.get(name, module) != module:
            yield f"line {node.lineno}: {name} has its place in {ONLY_IN[name]}"
        if name.startswith("yaml.") and name.endswith("Loader") and name != "yaml.SafeLoader":
            yield f"line {node.lineno}: {name}"
        if said.get("shell") not in (None, False) and not name.endswith("_completion"):  # these name a shell
            yield f"line {node.lineno}: a shell"
        if said.get("allow_pickle") not in (None, False):
            yield f"line {node.lineno}: allow_pickle"


@pytest.mark.parametrize("path", source_files(), ids=module_name)
def test_a_file_of_the_package_lets_nothing_run(path):
    assert not list(faults(ast.parse(path.read_text(encoding="utf-8")), module_name(path)))
    assert not {name.partition(".")[0] for name in imported_names(path)} & PICKLES


@pytest.mark.parametrize(
    "line",
    ["eval(text)", "exec(text)", "yaml.load(text, Loader=yaml.Loader)", "torch.load(file)",
     "torch.load(file, weights_only=False)", "torch.load(file, weights_only=flag)", "np.load(file)",
     "np.load(file, allow_pickle=True)", "numpy.load(file, mmap_mode='r')", "np.save(file, a, allow_pickle=True)",
     "subprocess.run(text, shell=True)", "subprocess.run(text, shell=flag)", "os.system(text)",
     "archive.extractall(place)", "torch.export.load(file)", "Image.open(file)", "__import__(name)"],
)  # fmt: skip
def test_the_rule_finds(line):
    assert list(faults(ast.parse(line), "reseen.somewhere"))


@pytest.mark.parametrize(
    "line",
    ["plain.eval()", "torch.load(file, weights_only=True)", "np.load(file, allow_pickle=False)", "yaml.safe_load(text)",
     "subprocess.Popen(words)", "Image.open(file, formats=_FORMATS)", "re.compile(text)"],
)  # fmt: skip
def test_the_rule_passes(line):
    assert not list(faults(ast.parse(line), "reseen.somewhere"))


def test_scripts_and_templates_of_pages_evaluate_nothing():
    for path in [*PACKAGE.rglob("*.js"), *PACKAGE.rglob("*.html"), *PACKAGE.rglob("*.jinja")]:
        text = path.read_text(encoding="utf-8")
        for word in ("eval(", "new Function", "document.write(", "innerHTML", "|safe", "| safe"):
            assert word not in text, f"{path}: {word}"
