"""Draw `docs/images/clusters-forming.webp`: clusters of the drawn crowd's crops, round by round.

    python docs/images/draw_clusters.py [--people N] [--out FILE] [--keep FOLDER]

The recipe of the demo is trained on a drawn crowd, with fewer steps (two CPU-minutes), in a temporary folder or in one
that is kept. For some of the rounds the crops are embedded by the encoder that the round began with, laid out by the
similarity of their embeddings; frames show the round's pseudo-labels by color. Who is on a crop is used nowhere.
"""

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int64
from PIL import Image, ImageDraw, ImageFont
from scipy.optimize import linear_sum_assignment
from scipy.spatial import procrustes

import reseen
from reseen.records import PseudoLabels
from reseen.viewer.neighbor_layout import neighbor_layout

OUT = Path(__file__).parent / "clusters-forming.webp"
WIDTH, HEIGHT, TOP, EDGE = 760, 480, 40, 16
CROP = (14, 28)
FLAGS = ("--train.rounds", "18", "--train.iterations", "20")
"""What differs from the recipe of the demo, which has more and longer rounds."""
SHOWN = (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 18)
"""Rounds that are drawn: most of the first ones, in which much happens."""
STEPS, HOLD = 5, 900
"""Frames from one round to the next, and milliseconds for which a round is shown."""
STEP_MILLISECONDS = 80
MOST_BYTES = 1_500_000
PALETTE = (
    "#4e79a7", "#f28e2b", "#e15759", "#76b7b2", "#59a14f", "#edc948", "#b07aa1", "#ff9da7", "#9c755f", "#2f6f4f",
    "#d37295", "#1f77b4", "#a0cbe8", "#8cd17d", "#d4a6c8", "#6b4c9a", "#b6992d", "#499894", "#fabfd2", "#79706e",
)  # fmt: skip
OUTLIER = "#d5d9df"


@dataclass(frozen=True)
class RoundState:
    """A round: the embeddings it began with, and its clusters."""

    number: int
    vectors: Float[np.ndarray, "n d"]
    labels: Int64[np.ndarray, " n"]
    """Cluster of each crop, -1 for outliers."""


def main() -> None:
    """Train, embed in some rounds, and draw."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--people", type=int, default=40, help="of the crowd; half of them are trained on")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--keep", type=Path, help="a new folder that keeps the crowd and the run")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        paths, states, rounds = train(arguments.keep or Path(place), arguments.people)
        crops = [Image.open(path).convert("RGB").resize(CROP, Image.Resampling.LANCZOS) for path in paths]
    frames = list(draw_all(crops, states, rounds))
    save(frames, arguments.out)
    print(f"{arguments.out}: {len(frames)} frames, {arguments.out.stat().st_size / 1e6:.2f} MB")


def train(
    place: Path, people: int, recipe: str = "demo", flags: Sequence[str] = FLAGS, shown: Sequence[int] = SHOWN
) -> tuple[list[Path], list[RoundState], int]:
    """Paths of the training crops, the states of the rounds in `shown`, and the number of rounds."""
    reseen.draw_crowd(place / "crowd", people=people, cameras=6)
    table = reseen.read_training(place / "crowd")
    paths = [place / "crowd" / path for path in table.paths]
    labels: dict[int, np.ndarray] = {}
    vectors: dict[int, np.ndarray] = {}

    def keep(number: int, clusters: PseudoLabels) -> None:
        labels[number] = clusters.labels.copy()
        if number > 1 and number in shown:  # the run folder holds the encoder after the round before
            vectors[number] = reseen.load(place / "run").embed(paths)

    loaded = reseen.load_recipe(recipe, list(flags))
    run = reseen.train(loaded, table, place / "run", on_clusters=keep)
    vectors[1] = replace(reseen.load(run), encoder=run.encoder(untrained=True)).embed(paths)
    states = [RoundState(number, vectors[number], labels[number]) for number in shown if number in vectors]
    return paths, states, max(labels)


def draw_all(
    crops: Sequence[Image.Image], states: Sequence[RoundState], rounds: int
) -> Iterator[tuple[Image.Image, int]]:
    """The frames, each with the milliseconds for which it is shown."""
    places = [np.asarray(neighbor_layout(states[0].vectors), np.float64)]
    for state in states[1:]:
        places.append(aligned(places[-1], np.asarray(neighbor_layout(state.vectors), np.float64)))
    places = [fitted(part) for part in places]
    colors = consistent([state.labels for state in states])
    for number, state in enumerate(states):
        last = number + 1 == len(states)
        yield draw(crops, places[number], colors[number], title(state, rounds)), HOLD * (3 if last else 1)
        for step in range(1, 1 if last else STEPS):
            share = (1 - np.cos(np.pi * step / STEPS)) / 2
            between = places[number] * (1 - share) + places[number + 1] * share
            yield draw(crops, between, colors[number], title(state, rounds)), STEP_MILLISECONDS


def aligned(before: Float[np.ndarray, "n 2"], after: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "n 2"]:
    """The later layout turned, mirrored, moved and scaled to be like the one before."""
    return procrustes(before, after)[1]


def fitted(places: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "n 2"]:
    """Centered, with all but the farthest crops within -1 to 1."""
    moved = places - np.median(places, axis=0)
    return np.clip(moved / np.quantile(np.abs(moved), 0.98, axis=0), -1, 1)


def consistent(labels: Sequence[Int64[np.ndarray, " n"]]) -> list[list[str]]:
    """A color for every crop in every round: a cluster keeps that of the cluster it shares most crops with."""
    colors, names = [], {}
    for number, now in enumerate(labels):
        count = int(now.max(initial=-1)) + 1
        before = labels[number - 1] if number else np.full_like(now, -1)
        shared = np.zeros((count, int(before.max(initial=-1)) + 1))
        both = (now >= 0) & (before >= 0)
        np.add.at(shared, (now[both], before[both]), 1)
        rows, columns = linear_sum_assignment(-shared)
        kept = {int(r): names[int(c)] for r, c in zip(rows, columns, strict=True) if shared[r, c] > 0}
        free = iter(name for name in range(count + len(kept) + 1) if name not in set(kept.values()))
        names = {cluster: kept[cluster] if cluster in kept else next(free) for cluster in range(count)}
        colors.append([PALETTE[names[int(c)] % len(PALETTE)] if c >= 0 else OUTLIER for c in now])
    return colors


def title(state: RoundState, rounds: int) -> tuple[str, str]:
    """What is said above a round, on the left and on the right."""
    outliers, clusters = int((state.labels < 0).sum()), int(state.labels.max(initial=-1)) + 1
    return (
        f"Round {state.number} of {rounds}",
        f"{clusters} clusters, {outliers} of {len(state.labels)} crops in none",
    )


def draw(
    crops: Sequence[Image.Image],
    places: Float[np.ndarray, "n 2"],
    colors: Sequence[str],
    titles: tuple[str, str],
) -> Image.Image:
    """One frame: crops at their places, -1 to 1, in a frame of their cluster's color; outliers lie below."""
    image = Image.new("RGB", (WIDTH, HEIGHT), "white")
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(18)
    pen.text((EDGE, 10), titles[0], fill="#1c2733", font=font)
    pen.text((WIDTH - EDGE - pen.textlength(titles[1], font=font), 10), titles[1], fill="#5b6b7c", font=font)
    size = np.array([WIDTH - 2 * EDGE - CROP[0], HEIGHT - TOP - EDGE - CROP[1]]) / 2
    corners = ((places + 1) * size + np.array([EDGE, TOP])).round().astype(int).tolist()
    for row in sorted(range(len(crops)), key=lambda row: colors[row] != OUTLIER):
        (left, top), color = corners[row], colors[row]
        border = 1 if color == OUTLIER else 3
        box = (left - border, top - border, left + CROP[0] + border - 1, top + CROP[1] + border - 1)
        pen.rectangle(box, fill=color)
        image.paste(crops[row], (left, top))
    return image


def save(frames: Sequence[tuple[Image.Image, int]], out: Path) -> None:
    """Write the frames as an endless WebP of at most `MOST_BYTES`, in the best quality that this allows."""
    images, milliseconds = zip(*frames, strict=True)
    for quality in (75, 60, 45, 30, 15):
        images[0].save(
            out,
            save_all=True,
            append_images=images[1:],
            duration=milliseconds,
            loop=0,
            quality=quality,
            method=4,
        )
        if out.stat().st_size <= MOST_BYTES:
            return
    raise SystemExit(f"{out}: larger than {MOST_BYTES:,} bytes; draw fewer rounds or people")


if __name__ == "__main__":
    main()
