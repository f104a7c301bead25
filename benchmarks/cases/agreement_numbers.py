"""Numbers of `benchmarks/audit_agreement.py`: correlation, and what is lost by choosing without labels."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from reseen import open_run
from reseen.audit import best_index, round_scores, should_stop


def over_runs(runs: dict[str, dict]) -> dict:
    """Correlations, and the loss of choosing by the audit."""
    rows = list(runs.values())
    columns = ("score", "stability", "compactness", "camera_mixing")
    correlation = {
        truth: {name: spearman([row[name] for row in rows], [row[truth] for row in rows]) for name in columns}
        for truth in ("mAP", "rank_1", "adjusted_rand_index")
    }
    chosen = list(runs)[best_index([row["score"] for row in rows])]
    top = max(runs, key=lambda name: runs[name]["mAP"])
    coverage = {
        name: [min(values), float(np.mean(values)), max(values)]
        for name in ("precision", "recall")
        for values in [[row["sheets"][name]["coverage"] for row in rows]]
    }
    return {
        "runs": len(rows),
        "spearman": correlation,
        "chosen": {"by_audit": chosen, "by_mAP": top},
        "mAP": {
            "chosen_by_audit": runs[chosen]["mAP"],
            "best": runs[top]["mAP"],
            "mean": float(np.mean([row["mAP"] for row in rows])),
            "loss": runs[top]["mAP"] - runs[chosen]["mAP"],
        },
        "loss_of_pairs": losses(rows),
        "coverage_lowest_mean_highest": coverage,
    }


def losses(rows: Sequence[dict]) -> dict:
    """Of two runs at random: how often the audit takes the better, and the mean mAP lost; a coin for comparison."""
    right, lost, coin, count = 0, 0.0, 0.0, 0
    for place, one in enumerate(rows):
        for other in rows[:place]:
            gap = one["mAP"] - other["mAP"]
            agrees = (one["score"] - other["score"]) * gap > 0
            right += agrees
            lost += 0.0 if agrees else abs(gap)
            coin += abs(gap) / 2
            count += 1
    return {"right": right / count, "mean_mAP_lost": lost / count, "mean_mAP_lost_by_a_coin": coin / count}


def by_round(folder: Path) -> list[dict]:
    """Audit score and true agreement of every round, both of the clusters that the round was trained with.

    Agreement: the adjusted Rand index of the clustered crops, times their share.
    """
    run = open_run(folder)
    lines = [
        json.loads(line) for line in (folder / "agreement.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    truth = {line["round"]: line["adjusted_rand_index"] * line["clustered_share"] for line in lines}
    scores = round_scores(run.log)
    return [
        {"round": row["round"], "score": score, "adjusted_rand_index": truth[row["round"]]}
        for row, score in zip(run.log, scores, strict=True)
    ]


def over_rounds(rows: Sequence[dict]) -> dict:
    """Correlation within a training, and what is lost where the stop rule or the best score decide."""
    scores, truth = [row["score"] for row in rows], [row["adjusted_rand_index"] for row in rows]
    known = [place for place, score in enumerate(scores) if score is not None]
    stops = [place + 1 for place in range(len(rows)) if should_stop(scores[: place + 1])]
    ended = (stops or [len(rows)])[0]
    chosen = best_index(scores)
    return {
        "spearman": spearman([scores[place] for place in known], [truth[place] for place in known]),
        "best_round": rows[int(np.argmax(truth))]["round"],
        "round_chosen": None if chosen is None else rows[chosen]["round"],
        "loss_chosen": None if chosen is None else max(truth) - truth[chosen],
        "stopped_after": ended,
        "loss_stopped": max(truth) - truth[ended - 1],
    }


def spearman(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Rank correlation; None where one of both is constant."""
    from scipy.stats import spearmanr

    value = float(spearmanr(first, second)[0])
    return None if np.isnan(value) else round(value, 4)
