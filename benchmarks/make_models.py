"""Train the encoders that come with the project and write them to `models/`, each with its card.

python benchmarks/make_models.py

There is one, `models/drawn-crowd`: the demo's encoder. A demo that was stopped goes on, and one that is there is used.
Encoders of data whose terms forbid it are not here; docs/models.md says how to train them.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.accuracy import commit

import reseen
from reseen.environment import hardware
from reseen.evaluate.metrics import RetrievalScore
from reseen.runs.model_card import model_card
from reseen.tasks.demo import Demo, run_demo

MODELS = Path(__file__).resolve().parents[1] / "models"
LICENSE = "apache-2.0"
_SCORED = """## Scores

Of people who were not trained on: 180 queries in a gallery of 594 crops of 30 other drawn people, by the rules of
Market-1501; the last round, scored once.

| | mAP | Rank-1 | Rank-10 |
|---|---|---|---|
| starting weights | {before} |
| this encoder | {after} |

## Data and terms

The crops are drawn by reseen itself (`reseen data toy`) and show no real person. Data and weights are under the license
of the project, Apache-2.0. No benchmark was seen in training, and drawn people are all that it can tell apart: it is
for tests, examples and a first try, not for cameras.

Made by `python benchmarks/make_models.py` at commit `{commit}` on {processor}. Another processor, or another number
of threads, gives other weights ([why]({page})).
"""
_PAGE = "../../docs/results/drawn-crowd.md"


def main() -> None:
    """Train what is missing, and write the folders."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--demo", type=Path, default=Path("demo"), help="folder of the demo")
    parser.add_argument("--out", type=Path, default=MODELS, help="where the folders of encoders go")
    arguments = parser.parse_args()
    demo = run_demo(arguments.demo)
    encoder = reseen.load(demo.run)
    card = model_card(demo.run, LICENSE, "models/drawn-crowd").replace(
        "## Limits\n", f"{scores(demo)}\n## Limits\n"
    )
    print(replace(encoder, card=card).save(arguments.out / "drawn-crowd"))


def scores(demo: Demo) -> str:
    """The part of the card with what was measured with labels, and the terms."""
    return _SCORED.format(
        before=row(demo.before),
        after=row(demo.after),
        commit=commit(),
        processor=hardware()["processor"],
        page=_PAGE,
    )


def row(score: RetrievalScore) -> str:
    """mAP, rank-1 and rank-10, percent."""
    values = (score.mean_average_precision, score.cmc[1], score.cmc[10])
    return " | ".join(f"{100 * value:.1f}" for value in values)


if __name__ == "__main__":
    main()
