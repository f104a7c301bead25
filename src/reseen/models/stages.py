"""Finds the stem and stages of a trunk by timm's layer groups or, where timm has none, by module names."""

import re
from collections.abc import Callable
from itertools import chain
from typing import Any

from torch import nn

_STAGE = re.compile(r"(layer|stage|block)s?_?\d+")
"""Names of child modules that are a stage."""

_CONTAINERS = {"blocks", "stages", "layers"}
"""Names of child modules whose items are stages."""

_AFTER_STAGES = 99_999.0
"""Smallest last ordinal of layers behind the last stage: timm's mark for layers grouped with the preceding ones."""

_Group = tuple[float, ...]


def stages_of(trunk: nn.Module) -> list[list[str]]:
    """Module names of the stem (everything before the first stage), then of each stage; other modules are omitted."""
    groups = _module_groups(trunk)
    return [groups[group] for group in sorted(groups)] or _by_name(trunk)


def loose_parameters(trunk: nn.Module, stages: int) -> list[nn.Parameter]:
    """Parameters of the first `stages` stages that are not in a submodule, such as position embeddings."""
    order, match = sorted(_module_groups(trunk)), _matcher(trunk)
    if match is None or not order:
        return []
    return [
        parameter
        for name, parameter in trunk.named_parameters(recurse=False)
        if match(name) in order[:stages] or match(name) < order[0]
    ]


def _module_groups(trunk: nn.Module) -> dict[_Group, list[str]]:
    """The outermost modules whose parameters are all in one group; empty where timm does not group this trunk."""
    match = _matcher(trunk)
    modules: dict[_Group, list[str]] = {}

    def visit(module: nn.Module, prefix: str) -> None:
        groups = {match(prefix + name) for name, _ in module.named_parameters()} if match else set()
        if len(groups) == 1 and prefix:
            modules.setdefault(groups.pop(), []).append(prefix[:-1])
        elif groups:
            for name, child in module.named_children():
                visit(child, f"{prefix}{name}.")

    visit(trunk, "")
    return {group: names for group, names in modules.items() if group[-1] < _AFTER_STAGES}


def _matcher(trunk: nn.Module) -> Callable[[str], _Group] | None:
    """A function from parameter names to groups, as `timm.models.group_parameters` forms them; None without groups."""
    try:
        matcher = trunk.group_matcher(coarse=True)  # type: ignore[operator]
    except (AttributeError, TypeError, AssertionError, NotImplementedError):
        return None
    if callable(matcher):
        return lambda name: _as_group(matcher(name))
    rules = [
        (re.compile(pattern), (ordinal,), suffix)
        for ordinal, spec in enumerate(matcher.values())
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
    """Stem and stages by the names of child modules, including those that timm's `feature_info` lists."""
    info = getattr(trunk, "feature_info", None) or []
    listed = [str(entry.get("module", "")) for entry in info if isinstance(entry, dict)]
    containers = _CONTAINERS | {name.partition(".")[0] for name in listed if re.fullmatch(r"\w+\.\d+", name)}
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
