"""Mutants of a module: its source with one small change each, by the operators of mutmut.

mutmut's own runner keeps all mutants of a function in one file and chooses one when it is called, which excludes
decorated functions: Numba's kernels, autograd functions and everything under `torch.no_grad`. Here every mutant is a
file of its own.
"""

import ast
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile

import libcst as cst
from mutmut.mutation.mutators import mutation_operators

_LEFT_OUT = (cst.Annotation, cst.Decorator, cst.Import, cst.ImportFrom, cst.BaseString, cst.Raise, cst.Assert)
"""Nodes without mutants: they are checked by tools, or are text that a person reads."""
_MUTABLE = (cst.BaseExpression, cst.BaseSmallStatement, cst.BaseCompOp, cst.ComparisonTarget, cst.Match)
"""Nodes that operators are tried on; all others are white space and punctuation."""


@dataclass(frozen=True)
class Mutant:
    """One changed source text of a module."""

    key: str
    """A name that only this change of this source has."""
    module: str
    """Path inside the package, such as `losses/triplet.py`."""
    line: int
    """Number of the first line that differs, from 1."""
    before: str
    """The lines that differ, before the change."""
    after: str
    """The lines that differ, after the change."""
    source: str
    """The whole changed module."""


class MutableModule:
    """The changes that can be made to a module.

    Example:
        module = MutableModule("losses/triplet.py", path.read_text())
        mutants = [module.mutant(number) for number in range(len(module))]
    """

    def __init__(self, module: str, source: str) -> None:
        self._module, self._source = module, source
        self._tree = cst.parse_module(source)
        self._changes = list(_changes(self._tree))

    def __len__(self) -> int:
        return len(self._changes)

    def mutant(self, number: int) -> Mutant | None:
        """The mutant of a change; None if the text stays as it is, or is not Python."""
        changed = self._tree.deep_replace(*self._changes[number])
        text = changed.code if isinstance(changed, cst.Module) else self._source
        if text == self._source or not _parses(text):
            return None
        key = hashlib.sha256(f"{self._module}\n{text}".encode()).hexdigest()[:16]
        return Mutant(key, self._module, *_difference(self._source.splitlines(), text.splitlines()), text)


def _changes(node: cst.CSTNode) -> Iterator[tuple[cst.CSTNode, cst.CSTNode]]:
    """Nodes and what may take their place, in the order of the source."""
    if isinstance(node, _LEFT_OUT) or _is_type(node):
        return
    if isinstance(node, _MUTABLE):
        for kind, operator in mutation_operators:
            if isinstance(node, kind):
                yield from ((node, changed) for changed in operator(node) if not _puts_none(node, changed))
    for child in node.children:
        yield from _changes(child)


def _is_type(node: cst.CSTNode) -> bool:
    """Whether a node is a type outside an annotation, as in `Rule = Literal["chain", "match"]`."""
    return (
        isinstance(node, cst.Subscript)
        and isinstance(node.value, cst.Name)
        and node.value.value[:1].isupper()
    )


def _puts_none(node: cst.CSTNode, changed: cst.CSTNode) -> bool:
    """Whether a change puts None in the place of a value: that mostly ends in a TypeError and says little of a test."""
    if isinstance(node, cst.Assign | cst.AnnAssign | cst.Lambda):
        return True
    if isinstance(node, cst.Call) and isinstance(changed, cst.Call):
        return len(node.args) == len(changed.args) and node.func is changed.func
    return False


def _parses(text: str) -> bool:
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True


def _difference(before: list[str], after: list[str]) -> tuple[int, str, str]:
    """Number of the first line that differs, from 1, and what differs on both sides, stripped."""
    start = _common(before, after)
    end = _common(before[start:][::-1], after[start:][::-1])
    old, new = before[start : len(before) - end], after[start : len(after) - end]
    return start + 1, "\n".join(map(str.strip, old)), "\n".join(map(str.strip, new))


def _common(one: list[str], other: list[str]) -> int:
    """The number of first lines that are equal."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
