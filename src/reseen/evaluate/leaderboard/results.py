"""Results of runs from a folder of JSON files: those of `benchmarks/accuracy.py` and of `reseen evaluate --json`."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reseen.errors import DataError


@dataclass(frozen=True)
class Result:
    """One run with one seed."""

    group: str
    """The data and rules that can be compared: a protocol's name."""
    arm: str
    """What was run; results that differ by their seed alone have one arm."""
    text: str
    """What the arm is, in a few words."""
    seed: int
    score: Mapping[str, Any]
    """As `RetrievalScore.to_json`, shares from 0 to 1."""
    cameras: bool
    """Camera names could be used in training."""
    rounds: int
    """The last round, which is the one scored."""
    command: str
    commit: str
    ceiling: bool
    """Trained on the truth: no result, but what others cannot pass."""


def read_results(folder: Path) -> tuple[list[Result], list[str]]:
    """Results of all .json files in a folder, by name, and the names of files that hold none.

    Raises:
        DataError: the folder is missing or has no result, or a file is damaged.
    """
    folder = folder.expanduser()
    if not folder.is_dir():
        raise DataError(
            f"{folder}: no such folder; give one with results as benchmarks/accuracy.py writes them"
        )
    results, others = [], []
    for file in sorted(folder.glob("*.json")):
        try:
            values = json.loads(file.read_text(encoding="utf-8"))
        except (ValueError, OSError) as error:
            raise DataError(f"{file}: cannot be read as JSON ({error}); repair or remove it") from None
        try:
            result = _result(values) if isinstance(values, dict) else None
        except (KeyError, TypeError, AttributeError) as error:
            raise DataError(
                f"{file}: lacks what a result has ({error}); make it anew, or remove it"
            ) from None
        if result is None:
            others.append(file.name)
        else:
            results.append(result)
    if not results:
        raise DataError(
            f"{folder}: holds no result; benchmarks/accuracy.py and `reseen evaluate --json` write them"
        )
    return results, others


def _result(values: Mapping[str, Any]) -> Result | None:
    if "arm" in values and "score" in values:
        return _of_benchmark(values)
    if "training" in values and "mAP" in values:
        return _of_evaluation(values)
    return None


def _of_benchmark(values: Mapping[str, Any]) -> Result:
    rounds = len(values["rounds"])
    return Result(
        group=values["protocol"],
        arm=values["arm"],
        text=values["text"],
        seed=values["seed"],
        score=values["score"],
        cameras=bool(values["recipe"]["cameras"]) and rounds > 0,
        rounds=rounds,
        command=values["command"],
        commit=values["commit"],
        ceiling=values["arm"] == "true-people",
    )


def _of_evaluation(values: Mapping[str, Any]) -> Result:
    """Runs with the same settings but for the seed, on the same data, are one arm; `rules` tell groups apart."""
    training, rules = values["training"], values["rules"]
    settings = json.dumps({**training["recipe"], "seed": None}, sort_keys=True) + training["data"]
    group = f"{values['protocol']}, {values['queries']:,} queries, {values['gallery']:,} gallery images"
    done = {name: rules[name] for name in ("re_ranking", "query_expansion") if rules[name] != "none"}
    done |= {"mirrored": "yes"} if rules["mirrored_features"] else {}
    done |= {"": "cross-domain"} if rules.get("domain") == "cross-domain" else {}
    words = [f"{name.replace('_', ' ')} {how}".strip() for name, how in done.items()]
    return Result(
        group=group,
        arm=" · ".join([training["method"], *words, _short(settings)]),
        text=f"scored by `reseen evaluate`, settings {_short(settings)}",
        seed=training["seed"],
        score=values,
        cameras=bool(training["cameras"]) and training["rounds"] > 0,
        rounds=training["rounds"],
        command=training["command"],
        commit="",
        ceiling=False,
    )


def _short(settings: str) -> str:
    return hashlib.sha256(settings.encode()).hexdigest()[:6]
