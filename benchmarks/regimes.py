"""Train and score on pools unlike the benchmark's; one JSON per run, resumable.

python benchmarks/regimes.py --data Market-1501 --weights FILE --work runs/regimes --regimes few,tiny --arms auto
python benchmarks/regimes.py --drawn --weights FILE --work runs/regimes --regimes few,tiny --arms auto

The pool of a regime is written to `--work` as a user would have it: a folder per camera, names that tell nobody.
Identities choose which crops it holds and score what came out. Every round is kept as a run folder, and with `--dump`
its vectors are written beside it. Rounds are scored afterwards, on held-out training people; none is chosen by that.
With `--drawn` the same pools are made of a synthetic crowd of 640 people (`reseen data toy`), drawn to `--work`
once. `--table` prints what is there.
"""

import argparse
import json
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.accuracy import RESULTS, commit, shareable, trim
from benchmarks.agreement import agreement
from benchmarks.protocols import override
from benchmarks.protocols.regimes import REGIMES, Pool, Regime, held_out_benchmark, people_for_pools

import reseen
from reseen.cluster import Clustering
from reseen.data.crops import open_crops
from reseen.environment import hardware, versions
from reseen.evaluate import RetrievalTask, score
from reseen.features.extract import extract
from reseen.files import write_text
from reseen.methods import ClusterContrast
from reseen.records import Features, PseudoLabels
from reseen.runs.checkpoint import CHECKPOINT
from reseen.runs.recipe import load_recipe
from reseen.runs.run import Run, open_run
from reseen.runs.run_outcome import OUTCOME, read_outcome
from reseen.synthetic import draw_crowd
from reseen.tasks.audit.audit import other_view
from reseen.tasks.evaluation.score import Benchmark, retrieve

RECIPE = Path(__file__).parent / "protocols" / "regimes" / "regime.yaml"
PATTERN = "{camera}/{*}"
LABELS = "labels.npy"
DRAWN = "drawn-"
"""Before the name of a regime whose pool is made of the drawn crowd."""


@dataclass(frozen=True)
class Arm:
    """Settings that a regime is trained with."""

    text: str
    flags: tuple[str, ...] = ()
    shuffled: bool = False
    """Labels are dealt out anew to the clustered crops: a run that is broken on purpose."""


_LITERATURE = (
    "--method.clustering.jaccard.k1", "30", "--method.clustering.jaccard.k2", "6", "--method.clustering.eps", "0.6",
    "--method.clustering.min-samples", "4", "--method.center-cameras", "false",
)  # fmt: skip
_SMALL = (
    "--method.clustering.jaccard.k1", "6", "--method.clustering.jaccard.k2", "2", "--method.clustering.eps", "0.6",
    "--method.clustering.min-samples", "2", "--method.center-cameras", "true",
)  # fmt: skip
_AUTO = (
    "--method.clustering.jaccard.k1", "auto",
    "--method.clustering.jaccard.k2", "auto", "--method.clustering.eps", "auto",
    "--method.clustering.min-samples", "auto", "--method.center-cameras", "true",
)  # fmt: skip
_CAMERAS = (
    "--method.camera-contrast.proxy-weight", "0.5", "--method.camera-contrast.entropy-weights", "true",
)  # fmt: skip
_SHIPPED = ("--train.rounds", "10", "--train.passes", "15")
_RETRY = ("--train.on-collapse", "retry")
_TEN = ("--method.clustering.jaccard.k1", "10", "--method.clustering.jaccard.k2", "3", *_SMALL[4:])
_MIDDLE = ("--method.clustering.jaccard.k1", "20", *_LITERATURE[2:-1], "true")
ARMS = {
    "literature": Arm("the literature's numbers", _LITERATURE),
    "middle": Arm("the numbers of market-mini: k1 20, centered cameras", _MIDDLE),
    "small": Arm("k1 6, k2 2, min_samples 2, centered cameras", _SMALL),
    "ten": Arm("k1 10, k2 3, min_samples 2, centered cameras", _TEN),
    "auto": Arm("chosen from the features", (*_AUTO, "--data.near-copies-once", "true")),
    "auto-four": Arm(
        "the same with min_samples 4",
        (*_AUTO[:-3], "4", *_AUTO[-2:], "--data.near-copies-once", "true"),
    ),
    "auto-cameras": Arm(
        "`auto` with proxies and entropy weights of `flagship`",
        (*_AUTO, "--data.near-copies-once", "true", *_CAMERAS),
    ),
    "literature-shipped": Arm(
        "the literature's numbers with the budget of the recipe `auto`", (*_LITERATURE, *_SHIPPED)
    ),
    "auto-shipped": Arm(
        "the recipe `auto` as it ships: 15 passes over the crops in 10 rounds",
        (*_AUTO, "--data.near-copies-once", "true", *_SHIPPED, *_RETRY),
    ),
    "auto-cameras-shipped": Arm(
        "the same with proxies and entropy weights of `flagship`",
        (*_AUTO, "--data.near-copies-once", "true", *_CAMERAS, *_SHIPPED, *_RETRY),
    ),
    "hot": Arm("broken: learning rate x 30", (*_MIDDLE, "--train.learning-rate", "0.018")),
    "one-cluster": Arm("broken: eps 0.99", override(_MIDDLE, "--method.clustering.eps", "0.99")),
    "shuffled": Arm("broken: labels dealt out anew", _MIDDLE, shuffled=True),
}


def main() -> None:
    """Run what is missing, then print the table."""
    arguments = parse()
    names = arguments.regimes.split(",") if arguments.regimes else list(REGIMES)
    if not arguments.table:
        if arguments.drawn:
            arguments.data = draw(arguments.work / "drawn")
        benchmark = held_out_benchmark(arguments.data)
        for seed in [int(seed) for seed in arguments.seeds.split(",")]:
            for name in names:
                for arm in arguments.arms.split(","):
                    run_arm(REGIMES[name], arm, seed, benchmark, arguments)
    names = [prefix + name for prefix in ("", DRAWN) for name in names]
    print_table(arguments.results, names, arguments.arms.split(","), arguments.markdown)


def draw(folder: Path) -> Path:
    """The drawn crowd that pools are made of; a finished one is used again."""
    if not (folder / "query").is_dir():
        draw_crowd(folder, people=640, cameras=6, share_train=0.8)
    return folder


def parse() -> argparse.Namespace:
    """The flags."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="folder in the Market-1501 layout")
    parser.add_argument(
        "--drawn", action="store_true", help="make the pools of a drawn crowd in place of --data"
    )
    parser.add_argument("--weights", default="hub", help="safetensors file of the backbone, or 'hub'")
    parser.add_argument("--regimes", default="", help=f"of {', '.join(REGIMES)}; all when not given")
    parser.add_argument("--arms", default="literature", help=f"of {', '.join(ARMS)}")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--work", type=Path, default=Path("runs/regimes"), help="where pools and runs go")
    parser.add_argument("--results", type=Path, default=RESULTS / "regimes")
    parser.add_argument("--dump", type=Path, help="folder for the vectors of every round")
    parser.add_argument("--table", action="store_true", help="only print the table")
    parser.add_argument("--markdown", action="store_true", help="the table in Markdown")
    arguments = parser.parse_args()
    if (arguments.data is None) is not arguments.drawn and not arguments.table:
        parser.error("--data or --drawn is needed to run arms, and not both")
    return arguments


def run_arm(regime: Regime, arm: str, seed: int, benchmark: Benchmark, arguments: argparse.Namespace) -> None:
    """Train one arm in one regime with one seed, and score its rounds, unless its JSON is there."""
    name = (DRAWN if arguments.drawn else "") + regime.name
    target = arguments.results / f"{name}--{arm}--seed{seed}.json"
    if target.is_file():
        return
    pool = make_pool(regime, arguments.data, arguments.work / "pools" / f"{name}-seed{seed}", seed)
    folder = arguments.work / "runs" / name / f"{arm}-seed{seed}"
    flags = ["--model.weights", str(arguments.weights), "--seed", str(seed), "--data.camera-pattern", PATTERN]
    recipe = load_recipe(RECIPE, [*flags, *ARMS[arm].flags])
    began = time.perf_counter()
    train(recipe, pool, folder, seed if ARMS[arm].shuffled else None)
    seconds = time.perf_counter() - began
    people = np.unique(pool.identities, return_inverse=True)[1]
    outcome = read_outcome(folder)
    if outcome is None:
        raise SystemExit(f"{folder}: has no outcome; delete it and run the command again")
    last = open_run(folder).rounds_done
    rounds = []
    for number in (0, *range(last % 2 or 2, last + 1, 2)):
        kept = open_run(folder / f"round{number}")
        labels = read_labels(kept)
        dump = None if arguments.dump is None else arguments.dump / f"{target.stem}--round{number}.npz"
        clusters = None if labels is None else agreement(labels, people)
        rounds.append(
            {
                "round": number,
                **scores(kept, pool, benchmark, labels, dump),
                "clusters": clusters,
                "log": trim(kept.log[number - 1]) if number else None,
            }
        )
    record = {
        "regime": name,
        "text": regime.text,
        "arm": arm,
        "seed": seed,
        "crops": len(pool.paths),
        "people": len(np.unique(pool.identities)),
        "rounds": rounds,
        "outcome": asdict(outcome),
        "seconds": round(seconds, 1),
        "recipe": shareable(recipe, str(arguments.weights)),
        "command": f"python benchmarks/regimes.py --regimes {regime.name} --arms {arm} --seeds {seed} "
        f"{'--drawn' if arguments.drawn else '--data MARKET'} --weights {Path(str(arguments.weights)).name}",
        "commit": commit(),
        "versions": versions(),
        "hardware": hardware(),
    }
    write_text(target, json.dumps(record, indent=1) + "\n")
    print(f"{target.stem}: {rounds[0]['map']:.1%} to {rounds[-1]['map']:.1%}", flush=True)


def train(recipe: reseen.Recipe, pool: Pool, folder: Path, shuffle: int | None) -> None:
    """Train, and keep every round as a run folder of its own; a whole training is not done again."""
    if (folder / OUTCOME).is_file():
        return

    def keep(number: int, labels: PseudoLabels) -> None:
        keep_round(folder, number - 1)  # the checkpoint on disk is that of the round before
        (folder / f"round{number}").mkdir(exist_ok=True)
        np.save(folder / f"round{number}" / LABELS, labels.labels)

    shutil.rmtree(folder, ignore_errors=True)
    with nullcontext() if shuffle is None else shuffled_labels(shuffle):
        run = reseen.train(recipe, pool.folder, folder, on_clusters=keep, quiet=True)
    keep_round(folder, run.rounds_done)


def read_labels(run: Run) -> PseudoLabels | None:
    """The pseudo-labels that a round was trained with; None for the starting weights."""
    file = run.folder / LABELS
    return PseudoLabels(np.load(file)) if file.is_file() else None


def make_pool(regime: Regime, data: Path, folder: Path, seed: int) -> Pool:
    """The pool of a regime on disk."""
    return regime.make(*people_for_pools(data), folder, seed)


def keep_round(folder: Path, number: int) -> None:
    """Copy the run as it stands after `number` rounds into a run folder of its own."""
    kept = folder / f"round{number}"
    kept.mkdir(exist_ok=True)
    for name in (CHECKPOINT, "recipe.yaml", "run.json", "log.jsonl"):
        if (folder / name).is_file():
            shutil.copyfile(folder / name, kept / name)


def scores(
    run: Run, pool: Pool, benchmark: Benchmark, labels: PseudoLabels | None, dump: Path | None
) -> dict[str, float]:
    """Mean average precision of the held-out people and within the pool; vectors are written to `dump`."""
    held_out = retrieve(run, benchmark).score()
    encoder = run.encoder()
    table = reseen.read_training(pool.folder, pattern=PATTERN)
    if table.paths != pool.paths:
        raise SystemExit(f"{pool.folder}: holds other crops than it was made with; delete it")
    crops = open_crops(table, run.reading, encoder.height, encoder.width, progress=False)
    device = torch.device("cpu")
    features = extract(encoder, crops, device)
    inside = pool_map(features, pool.identities, table.cameras)
    if dump is not None:
        view = other_view(encoder, crops, device, torch.Generator().manual_seed(0))
        dump.parent.mkdir(parents=True, exist_ok=True)
        np.savez(
            dump,
            vectors=features.numpy.astype(np.float16),
            view=view.numpy.astype(np.float16),
            identities=pool.identities,
            cameras=table.cameras,
            tracklets=pool.tracklets,
            frames=pool.frames,
            labels=np.array([]) if labels is None else labels.labels,
            map=held_out.mean_average_precision,
            pool_map=inside,
        )
    return {
        "map": round(held_out.mean_average_precision, 4),
        "rank1": round(held_out.cmc[1], 4),
        "pool_map": round(inside, 4),
    }


def pool_map(features: Features, identities: np.ndarray, cameras: np.ndarray) -> float:
    """Up to 1,000 crops of the pool searched among all others; where nobody is in two cameras, among its own."""
    if len(np.unique(np.stack([identities, cameras]), axis=1).T) == len(np.unique(identities)):
        cameras = np.arange(len(cameras))
    places = np.unique(identities * 1000 + cameras)
    people, counts = np.unique(places // 1000, return_counts=True)
    asked = np.flatnonzero(np.isin(identities, people[counts > 1]))
    asked = np.sort(np.random.default_rng(0).permutation(asked)[:1000])
    queries = Features(features.vectors[torch.from_numpy(asked)])
    task = RetrievalTask(queries, features, identities[asked], cameras[asked], identities, cameras)
    return score(task).mean_average_precision


@contextmanager
def shuffled_labels(seed: int) -> Iterator[None]:
    """Within it, cluster contrast trains on labels that are dealt out anew in each round."""
    generator, cluster = np.random.default_rng(seed), ClusterContrast._cluster

    def shuffle(method: ClusterContrast, features: Features) -> Clustering:
        clustering = cluster(method, features)
        labels = clustering.labels.labels.copy()
        kept = np.flatnonzero(labels >= 0)
        labels[kept] = labels[generator.permutation(kept)]
        return replace(clustering, labels=PseudoLabels(labels))

    ClusterContrast._cluster = shuffle  # type: ignore[method-assign]
    try:
        yield
    finally:
        ClusterContrast._cluster = cluster  # type: ignore[method-assign]


def print_table(results: Path, names: Sequence[str], arms: Sequence[str], markdown: bool) -> None:
    """A line per regime and arm: held-out and pool mAP, audit score, verdict, and the clusters of the last round."""
    if markdown:
        print(
            "| Regime | Arm | Seeds | Held-out mAP | Within the pool | Audit score | Verdict | Clusters | In clusters "
            "| ARI | Largest |"
        )
        print("|---|---|---|---|---|---|---|---|---|---|---|")
    for name in names:
        for arm in arms:
            files = sorted(results.glob(f"{name}--{arm}--seed*.json"))
            records = [json.loads(file.read_text()) for file in files]
            if records:
                row = (
                    f"`{name}`",
                    arm,
                    str(len(records)),
                    *_scores(records),
                    *_verdicts(records),
                    *_clusters(records),
                )
                print(f"| {' | '.join(row)} |" if markdown else "  ".join(f"{cell:14}" for cell in row))


def _scores(records: Sequence[dict]) -> list[str]:
    """Before and after training, percent."""
    cells = []
    for key in ("map", "pool_map"):
        start, end = ([100 * record["rounds"][place][key] for record in records] for place in (0, -1))
        spread = f" ± {np.std(end, ddof=1):.1f}" if len(end) > 1 else ""
        cells.append(f"{np.mean(start):.1f} → {np.mean(end):.1f}{spread}")
    return cells


def _verdicts(records: Sequence[dict]) -> list[str]:
    """The audit score before and after training, means over seeds, and how often each verdict was given."""
    verdicts = [record["outcome"]["verdict"] for record in records if record.get("outcome")]
    verdicts = [verdict for verdict in verdicts if verdict is not None]
    if not verdicts:
        return ["", ""]
    scored = [verdict for verdict in verdicts if verdict["before"] is not None]
    before, after = (np.mean([verdict[key] for verdict in scored]) for key in ("before", "after"))
    counts = Counter(verdict["outcome"] for verdict in verdicts)
    told = ", ".join(
        name if len(verdicts) == 1 else f"{name} {count}" for name, count in counts.most_common()
    )
    return [f"{before:.3f} → {after:.3f}" if scored else "", told]


def _clusters(records: Sequence[dict]) -> list[str]:
    """Clusters of the last round; means over seeds."""
    last = [record["rounds"][-1]["clusters"] for record in records]

    def mean(key: str) -> float:
        return float(np.mean([clusters[key] for clusters in last]))

    return [
        f"{mean('clusters'):.0f}",
        f"{mean('clustered_share'):.0%}",
        f"{100 * mean('adjusted_rand_index'):.1f}",
        f"{mean('largest'):.0f}",
    ]


if __name__ == "__main__":
    main()
