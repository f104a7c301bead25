"""Model selection by audits: the run with the best score, and the calibration of a run."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reseen.audit import Calibration, best_index
from reseen.errors import DataError, RunError
from reseen.reading import read_json
from reseen.runs.run import Run, open_run
from reseen.tasks.audit.audit import AUDIT


def choose_run(runs: Sequence[Run | str | Path]) -> Run:
    """The run with the highest label-free score, the first of ties; all must have been audited on the same crops.

    A run whose audit says that it is worse than its baseline is chosen only if all are. No labels are used. Audit the
    runs first, with `audit_run` or `reseen audit`.

    Raises:
        RunError: `runs` is empty, or no run has a score.
        DataError: an audit is missing or damaged, or the audits are of different crops or cameras.

    Example:
        >>> best = reseen.choose_run(["runs/a", "runs/b"])
    """
    opened = [run if isinstance(run, Run) else open_run(run) for run in runs]
    audits = [_read(run.folder) for run in opened]
    if not opened:
        raise RunError("no run to choose from; give one or more run folders")
    for run, values in zip(opened, audits, strict=True):
        if values["data"] != audits[0]["data"]:
            raise DataError(
                f"{run.folder} and {opened[0].folder} were audited on different crops, or one without cameras; audit "
                "both on the same data"
            )
    scores = [values["score"] for values in audits]
    eligible = [
        None if values["verdict"] is not None and values["verdict"]["outcome"] == "worse" else values["score"]
        for values in audits
    ]
    index = best_index(eligible)
    if index is None:
        index = best_index(scores)
    if index is None:
        raise RunError(f"{opened[0].folder}: no run has an audit score; audit them again")
    return opened[index]


def read_calibration(run: Run | str | Path) -> Calibration:
    """The calibration in a run's `audit.json`; at low trust it has neither a threshold nor probabilities.

    Raises:
        DataError: there is none, or it is damaged.

    Example:
        >>> reseen.read_calibration("runs/market").threshold
    """
    folder = run.folder if isinstance(run, Run) else Path(run).expanduser()
    values = _read(folder)["calibration"]
    if values is None:
        raise DataError(
            f"{folder / AUDIT}: holds no calibration; answer questions in `reseen view`, or on the page of "
            "`reseen audit --verify`"
        )
    return Calibration.from_json(values)


def _read(folder: Path) -> dict[str, Any]:
    file = folder / AUDIT
    if not file.is_file():
        raise DataError(f"{file}: no such file; create it with `reseen audit`")
    try:
        values = read_json(file)
        audit = {name: values[name] for name in ("data", "score", "verdict", "calibration")}
        if not _is_valid(audit):
            raise ValueError("values of other types")
        return audit
    except (OSError, ValueError, KeyError, TypeError):
        raise DataError(f"{file}: damaged; make it again with `reseen audit`") from None


def _is_valid(audit: dict[str, Any]) -> bool:
    return (
        isinstance(audit["data"], str)
        and isinstance(audit["score"], int | float | None)
        and isinstance(audit["calibration"], dict | None)
        and (audit["verdict"] is None or isinstance(audit["verdict"]["outcome"], str))
    )
