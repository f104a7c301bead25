"""Read audits of several runs again: the calibration of one, and the run to take."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reseen.audit import Calibration, best
from reseen.errors import DataError, RunError
from reseen.reading import read_json
from reseen.runs.run import Run, open_run
from reseen.tasks.audit.audit import AUDIT


def choose_run(runs: Sequence[Run | str | Path]) -> Run:
    """The run with the highest audit score, of equals the first; all must have been audited on the same crops.

    No labels are used. `audit_run` or `reseen audit` makes the audits.

    Raises:
        RunError: there is no run, or one has no score.
        DataError: an audit is missing or damaged, or they are of different crops or without the same parts.
    """
    opened = [run if isinstance(run, Run) else open_run(run) for run in runs]
    audits = [_read(run.folder) for run in opened]
    if not opened:
        raise RunError("no run to choose from; give one or more run folders")
    for run, values in zip(opened, audits, strict=True):
        if _comparable(values) != _comparable(audits[0]):
            raise DataError(
                f"{run.folder} and {opened[0].folder} were audited on different crops, or one without cameras; audit "
                "both on the same data"
            )
    place = best([values["score"] for values in audits])
    if place is None:
        raise RunError(f"{opened[0].folder}: no run has an audit score; audit them again")
    return opened[place]


def read_calibration(run: Run | str | Path) -> Calibration:
    """The calibration in a run's `audit.json`.

    Raises:
        DataError: there is none, or it is damaged.
    """
    folder = run.folder if isinstance(run, Run) else Path(run).expanduser()
    values = _read(folder)["calibration"]
    if values is None:
        raise DataError(f"{folder / AUDIT}: holds no calibration: the crops it was made from allowed none")
    return Calibration.from_json(values)


def _read(folder: Path) -> dict[str, Any]:
    file = folder / AUDIT
    if not file.is_file():
        raise DataError(f"{file}: no such file; make it with `reseen audit`")
    try:
        values = read_json(file)
        held = {name: values[name] for name in ("data", "score", "parts", "calibration")}
        if not _fits(held):
            raise ValueError("parts of other types")
        return held
    except (OSError, ValueError, KeyError, TypeError):
        raise DataError(f"{file}: damaged; make it again with `reseen audit`") from None


def _fits(held: dict[str, Any]) -> bool:
    score, parts = held["score"], held["parts"]
    mixing = parts.get("camera_mixing", "") if isinstance(parts, dict) else ""
    return (
        isinstance(held["data"], str)
        and isinstance(score, int | float | None)
        and isinstance(mixing, int | float | None)
        and isinstance(held["calibration"], dict | None)
    )


def _comparable(values: dict[str, Any]) -> tuple[str, bool]:
    """What two audits must have in common: the crops, and whether their cameras were known."""
    return values["data"], values["parts"]["camera_mixing"] is None
