"""Stem and stages of a trunk, by timm's own groups of layers; where it has none, by the names of its modules."""

import re
from collections.abc import Callable
from itertools import chain
from typing import Any

from torch import nn

_STAGE = re.compile(r"(layer|stage|block)s?_?\d+")
"""Children that are a stage by their name."""

_CONTAINERS = {"blocks", "stages", "layers"}
"""Children that hold a stage in every place."""

_REST = 99_999.0
"""Last ordinal, or more, of the layers behind the last stage: timm's mark for layers that go with those before."""

_Group = tuple[float, ...]


def stages_of(trunk: nn.Module) -> list[list[str]]:
    """Names of the modules of the stem (all before the first stage), then of each stage; the rest is left out."""
    groups = _module_groups(trunk)
    return [groups[group] for group in sorted(groups)] or _by_name(trunk)


def loose_parameters(trunk: nn.Module, stages: int) -> list[nn.Parameter]:
    """Parameters of the first `stages` that belong to no module of theirs, such as position embeddings."""
    order, match = sorted(_module_groups(trunk)), _matcher(trunk)
    if match is None or not order:
        return []
    return [
        parameter
        for name, parameter in trunk.named_parameters(recurse=False)
        if match(name) in order[:stages] or match(name) < order[0]
    ]


def _module_groups(trunk: nn.Module) -> dict[_Group, list[str]]:
    """The outermost modules whose parameters are all of one group; empty where timm does not group this trunk."""
    match = _matcher(trunk)
    found: dict[_Group, list[str]] = {}

    def visit(module: nn.Module, prefix: str) -> None:
        groups = {match(prefix + name) for name, _ in module.named_parameters()} if match else set()
        if len(groups) == 1 and prefix:
            found.setdefault(groups.pop(), []).append(prefix[:-1])
        elif groups:
            for name, child in module.named_children():
                visit(child, f"{prefix}{name}.")

    visit(trunk, "")
    return {group: names for group, names in found.items() if group[-1] < _REST}


def _matcher(trunk: nn.Module) -> Callable[[str], _Group] | None:
    """From the name of a parameter to its group, as `timm.models.group_parameters` forms them."""
    try:
        given = trunk.group_matcher(coarse=True)  # type: ignore[operator]
    except (AttributeError, TypeError, AssertionError, NotImplementedError):
        return None
    if callable(given):
        return lambda name: _as_group(given(name))
    rules = [
        (re.compile(pattern), (ordinal,), suffix)
        for ordinal, spec in enumerate(given.values())
        if spec is not None
        for pattern, suffix in (spec if isinstance(spec, list | tuple) else [(spec, None)])
    ]

    def match(name: str) -> _Group:
        for pattern, ordinal, suffix in rules:
            if fits := pattern.match(name):
                parts = filter(None, (ordinal, fits.groups(), suffix))
                return tuple(float(part) for part in chain.from_iterable(parts) if part is not None)
        return (float("inf"),)

    return match


def _as_group(ordinal: Any) -> _Group:
    return tuple(map(float, ordinal)) if isinstance(ordinal, list | tuple) else (float(ordinal),)


def _by_name(trunk: nn.Module) -> list[list[str]]:
    """Children that are called like stages; those that timm takes maps from count as such."""
    info = getattr(trunk, "feature_info", None) or []
    tapped = [str(one.get("module", "")) for one in info if isinstance(one, dict)]
    containers = _CONTAINERS | {name.partition(".")[0] for name in tapped if re.fullmatch(r"\w+\.\d+", name)}
    stem: list[str] = []
    stages: list[list[str]] = []
    for name, child in trunk.named_children():
        if not any(True for _ in child.parameters()):
            continue
        if name in containers and isinstance(child, nn.Sequential | nn.ModuleList):
            stages += [[f"{name}.{index}"] for index in range(len(child))]
        elif _STAGE.fullmatch(name):
            stages.append([name])
        elif not stages:
            stem.append(name)
    return [stem, *stages] if stem else stages
