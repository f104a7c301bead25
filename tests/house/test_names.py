"""One name has one meaning: public classes have names of their own, and so do files that are not about one subject."""

import ast
from collections import defaultdict

from tests.house.source import PACKAGE, source_files

FRONTS = ("cli/", "viewer/api/", "viewer/pages/")
"""A command, a page or a resource is named after what it is a front of."""

SHARED = {
    "base": "the abstract class of its folder",
    "settings": "the settings of its folder",
    "report": "the report of its task",
    "tables": "the tables of its task",
    "demo": "the demonstration of its folder",
    "camera_means": "mean vectors of cameras, and their estimation in training",
    "cluster_contrast": "the loss and the method of one paper",
    "clustering": "clustering, and the estimate of its costs",
    "dbscan": "the algorithm, and the clustering that a recipe names",
    "export": "the model, and the people of a gallery, as a file",
    "hub": "files on a hub of models: read and published",
    "weights": "weights files, and the command's work on them",
}
"""Base names that several folders may have, and what they mean in each of them."""


def public_classes():
    """Names of public classes with the files that define one."""
    places = defaultdict(set)
    for path in source_files():
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].add(path.relative_to(PACKAGE).as_posix())
    return places


def repeated(places):
    return {name: sorted(found) for name, found in places.items() if len(found) > 1}


def test_a_public_class_has_a_name_of_its_own():
    classes = public_classes()
    assert {"ImageTable", "Encoder", "Gallery"} <= set(classes)
    assert not repeated(classes)


def test_a_file_has_a_name_of_its_own_or_shares_its_subject():
    places = defaultdict(set)
    for path in source_files():
        name = path.relative_to(PACKAGE).as_posix()
        if path.stem not in {"__init__", "__main__", *SHARED} and not name.startswith(FRONTS):
            places[path.stem].add(name)
    assert {"table", "encoder", "gallery"} <= set(places)
    assert not repeated(places)


def test_the_rule_finds_a_name_with_two_files():
    assert repeated({"Match": {"a.py", "b.py"}, "Store": {"c.py"}}) == {"Match": ["a.py", "b.py"]}
