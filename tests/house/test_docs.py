"""What README and documentation show works: programs run, command lines parse, settings and files exist."""

import re
import runpy
import shutil
import sys
from dataclasses import fields
from functools import cache
from types import UnionType
from typing import Union, get_args, get_origin

import pytest
from pydantic import BaseModel
from tests.house.documents import blocks, command_lines, inline_code, name, pages
from tests.house.source import PACKAGE, PROJECT

import reseen
from reseen import errors
from reseen.cli.app import build_app
from reseen.cluster.clusterings import CLUSTERINGS, AbstractClustering
from reseen.config import merge, parse_flags
from reseen.data.views import WarpSettings
from reseen.datasets import DATASETS
from reseen.gallery.store import STORES
from reseen.methods import METHODS
from reseen.models.patches import PatchSettings
from reseen.runs import recipe as recipe_module
from reseen.runs.log import RoundRecord
from reseen.runs.recipe import Recipe, load_recipe, shipped_recipes
from reseen.tasks.clustering.cluster_settings import cluster_settings, vector_settings

SECTIONS = ("method", "model", "augmentation", "data", "train")
SETTING = re.compile(rf"(?:recipe\.|--)?((?:{'|'.join(SECTIONS)})(?:\.[a-z0-9_-]+)+)(?:[ :=].*)?")
FILE = re.compile(r"[\w-]+(?:/[\w-]+)*/[\w-]+\.(?:py|yaml|md)|[\w-]+/(?:[\w-]+/)*")

ARGUMENTS = {
    "whole_way.py": ["Market-1501", "runs/whole"],
    "static_centroids.py": [],
    "mutual_neighbors.py": [],
    "person_folders.py": [],
    "file_store.py": [],
    "search.py": ["vectors.parquet", "SOME CROP"],
    "track.py": ["model.onnx", "Market-1501"],
    "across_cameras.py": ["model.onnx"],
    "boxmot_call.py": ["model.onnx"],
    "reid_package.py": ["runs/mine", "SOME CROP", "SOME CROP"],
}


@pytest.fixture
def tables():
    """Undoes what an example registers in this process."""
    before = [(table, dict(table)) for table in (METHODS, CLUSTERINGS, DATASETS, STORES)]
    yield
    for table, rows in before:
        table.clear()
        table.update(rows)


@pytest.fixture
def desk(tmp_path, monkeypatch, crowd, tiny_flags, no_starts):
    """A folder to run programs in, with the project's models; the crowd goes by two names, and every recipe is tiny."""
    for folder in ("Market-1501", "crops"):
        (tmp_path / folder).symlink_to(crowd)
    (tmp_path / "models").symlink_to(PROJECT / "models")
    monkeypatch.chdir(tmp_path)

    def tiny(*arguments):
        values = merge(load_recipe(*arguments).model_dump(), {"train": {"passes": None}})
        return Recipe.parse(merge(values, parse_flags(tiny_flags)), "the tests")

    monkeypatch.setattr(recipe_module, "load_recipe", tiny)
    return tmp_path


@pytest.fixture(scope="module")
def exported(untrained_run, tmp_path_factory):
    """A function from a kind of input to a file of the run that takes it, made once; not to be changed."""
    folder = tmp_path_factory.mktemp("exported")

    @cache
    def export(kind):
        return reseen.export_run(untrained_run, folder / f"{kind}.onnx", input=kind, quiet=True).file

    return export


@pytest.mark.parametrize("block", [block for block in blocks("python") if not block.snippets], ids=str)
def test_python_on_a_page_runs(block, desk, capsys):
    exec(compile(block.text, str(block), "exec"), {"__name__": "__main__"})
    assert capsys.readouterr().out.strip()


@pytest.mark.parametrize("program", sorted((PROJECT / "examples").glob("*.py")), ids=lambda path: path.name)
def test_an_example_runs(program, desk, capsys, monkeypatch, tables, untrained_run, exported):
    arguments = ARGUMENTS[program.name]
    if "model.onnx" in arguments:
        kind = "tracker" if program.name == "boxmot_call.py" else "pixels"
        (desk / "model.onnx").symlink_to(exported(kind))
    if program.name == "search.py":
        reseen.embed(untrained_run, "Market-1501", arguments[0], quiet=True)
        arguments = [arguments[0], reseen.read_training(desk / "Market-1501").paths[0]]
    if program.name == "reid_package.py":
        pytest.importorskip("reid", reason="the package of Roboflow is not installed")
        shutil.copytree(untrained_run.folder, desk / "runs" / "mine")
        table = reseen.read_training(desk / "Market-1501")
        arguments = ["runs/mine", *(str(table.path(row)) for row in (0, 1))]
    monkeypatch.setattr(sys, "argv", [program.name, *arguments])
    runpy.run_path(str(program), run_name="__main__")
    assert capsys.readouterr().out.strip() or not arguments


def test_every_example_is_shown_or_named_in_the_documentation():
    shown = {snippet for block in blocks("python") for snippet in block.snippets}
    assert {f"examples/{program.name}" for program in (PROJECT / "examples").glob("*.py")} == shown


@pytest.mark.parametrize(("place", "words"), command_lines("reseen"))
def test_a_command_line_parses(place, words, tables):
    while "--plugin" in words:  # taken before a command is looked for
        place = words.index("--plugin")
        runpy.run_path(str(PROJECT / words[place + 1]), run_name="__main__")
        words = [*words[:place], *words[place + 2 :]]
    command, bound, _ = build_app().parse_args(words, print_error=False, exit_on_error=False)
    if command.__name__ == "train":
        known = bound.arguments["recipe"] in shipped_recipes()
        load_recipe(
            bound.arguments["recipe"] if known else "cluster-contrast", bound.arguments.get("settings", ())
        )
    if command.__name__ == "cluster":
        settings = cluster_settings if "data" in bound.arguments else vector_settings
        settings(flags=bound.arguments.get("settings", ()), method=bound.arguments.get("method"))


def test_there_are_command_lines_to_check():
    assert len(command_lines("reseen")) > 15


def test_a_wrong_flag_would_be_found():
    from cyclopts import CycloptsError

    with pytest.raises(CycloptsError):
        build_app().parse_args(["evaluate", "runs/a", "--date", "b"], print_error=False, exit_on_error=False)


@pytest.mark.parametrize(("place", "words"), command_lines("make"))
def test_a_make_target_exists(place, words):
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    for target in [word for word in words if "=" not in word]:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)


@pytest.mark.parametrize(("place", "words"), command_lines("python benchmarks/accuracy.py"))
def test_an_accuracy_command_parses(place, words, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["accuracy.py", *words])
    assert runpy.run_path(str(PROJECT / "benchmarks" / "accuracy.py"))["parse"]()


@pytest.mark.parametrize(("page", "text"), [pair for pair in inline_code() if pair[1].startswith("reseen ")])
def test_a_command_in_a_sentence_exists(page, text):
    commands = [word for word in text.split()[1:] if re.fullmatch(r"[a-z]+", word)][:2]
    known = _commands()
    assert not commands or tuple(commands) in known or (commands[0],) in known, f"{page}: {text}"


@cache
def _commands():
    app = build_app()
    found = set()
    for first in app:
        if not first.startswith("-"):
            found.add((first,))
            found |= {(first, second) for second in app[first] if not second.startswith("-")}
    for group in {command[0] for command in found if len(command) == 2}:
        found.discard((group,))  # a group is no command by itself
    return found


@cache
def _settings():
    """Every setting and section by its path."""

    def models(annotation):
        if annotation is AbstractClustering:
            return list(CLUSTERINGS.values())
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            return [annotation]
        if get_origin(annotation) in (Union, UnionType):
            return [model for part in get_args(annotation) for model in models(part)]
        return []

    def walk(model, prefix):
        for key, field in model.model_fields.items():
            yield prefix + key
            for below in models(field.annotation):
                yield from walk(below, f"{prefix}{key}.")

    found = set(walk(Recipe, ""))
    for entry in METHODS.values():
        found |= set(walk(entry.settings, "method."))
    return found


def _named_settings():
    for page, text in inline_code():
        match = SETTING.fullmatch(text)
        if match and not re.search(r"\.(py|yaml|md)$", match[1]):
            yield page, match[1].replace("-", "_")


@pytest.mark.parametrize(("page", "setting"), sorted(set(_named_settings())))
def test_a_named_setting_exists(page, setting):
    assert setting in _settings()


def test_every_setting_is_in_the_table_of_settings():
    named = {setting for page, setting in _named_settings() if page == "docs/recipes.md"}
    known = _settings()
    leaves = {path for path in known if not any(other.startswith(f"{path}.") for other in known)}
    several = re.compile(r"^method\.(clusters\.clustering|credible_clustering)\.")
    leaves = {
        several.sub("method.clustering.", path) for path in leaves
    }  # any clustering, with the same settings
    jitter = {path for path in leaves if path.startswith("augmentation.jitter.")}
    missing = leaves - jitter - named - {"cameras", "seed"}
    assert not missing


def test_every_default_in_the_table_of_settings_is_true():
    recipe = Recipe()
    text = (PROJECT / "docs" / "recipes.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z0-9_.]+)` \| `?([^|`]*?)`? \|", text, re.MULTILINE)
    assert len(rows) > 30
    for path, shown in rows:
        assert any(_shows(shown, value) for value in _defaults(recipe, path)), path


def _shows(shown, value):
    if isinstance(value, float | int) and not isinstance(value, bool):
        top, _, bottom = shown.partition("/")
        return re.fullmatch(r"[\d.e+-]+", top) is not None and float(top) / float(bottom or 1) == value
    return shown == {None: "null", True: "true", False: "false"}.get(value, str(value))


def _defaults(recipe, path):
    """The default of a setting; for those of methods, of every method that has it."""
    roots = [entry.settings() for entry in METHODS.values()] if path.startswith("method.") else [recipe]
    if path.startswith("model.patches."):  # without them there are none to have defaults
        roots, path = [PatchSettings()], path.removeprefix("model.patches.")
    elif path.startswith("augmentation.warp."):
        roots, path = [WarpSettings()], path.removeprefix("augmentation.warp.")
    for value in roots:
        values = [value]
        for part in path.removeprefix("method.").split("."):
            values = [getattr(value, part, LookupError) for value in values]
            if any(isinstance(value, AbstractClustering) for value in values):
                values += [kind() for kind in CLUSTERINGS.values()]
        found = (value for value in values if value is not LookupError)
        yield from (value.name if isinstance(value, AbstractClustering) else value for value in found)


@pytest.mark.parametrize(("page", "text"), [pair for pair in inline_code() if FILE.fullmatch(pair[1])])
def test_a_named_file_exists(page, text):
    if text in {"recipes/static-centroids.yaml", "runs/mine/"}:  # to be made by the reader
        return
    places = (PROJECT, PACKAGE, PACKAGE / "evaluate")
    assert any((place / text).exists() for place in places), f"{page}: {text}"


@pytest.mark.parametrize("page", [page for page in pages() if page.parent == PROJECT], ids=name)
def test_links_of_the_front_pages_lead_somewhere(page):
    """Those of the documentation are checked by the strict build; pages elsewhere are not fetched."""
    targets = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8"))
    for target in [target for target in targets if not target.startswith("https://")]:
        assert (PROJECT / target).exists(), target


def test_every_logged_quantity_is_explained():
    page = (PROJECT / "docs" / "methods" / "cluster-contrast.md").read_text(encoding="utf-8")
    assert not [field.name for field in fields(RoundRecord) if f"`{field.name}`" not in page]


def test_every_method_has_a_page_and_a_recipe():
    for method in METHODS:
        assert (PROJECT / "docs" / "methods" / f"{method}.md").is_file()
        assert method in shipped_recipes()


def test_every_error_is_explained():
    page = (PROJECT / "docs" / "errors.md").read_text(encoding="utf-8")
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    assert not [kind.__name__ for kind in kinds if kind.__name__ not in page]
