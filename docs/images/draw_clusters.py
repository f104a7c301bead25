"""Draw `docs/images/clusters-forming.webp`: the clusters of the demo's crops, round by round.

    python docs/images/draw_clusters.py [--people N] [--out FILE]

The demo's recipe is trained on a drawn crowd in a temporary folder. Before each round the crops are embedded by the
encoder as it is then, and laid out by the similarity of their embeddings; frames show pseudo-labels by color.
"""

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from rich.progress import track
from scipy.optimize import linear_sum_assignment
from scipy.spatial import procrustes

import reseen
from reseen.records import PseudoLabels
from reseen.viewer.neighbor_layout import neighbor_layout

OUT = Path(__file__).parent / "clusters-forming.webp"
WIDTH, HEIGHT, TOP, EDGE = 880, 560, 44, 26
CROP = (20, 40)
STEPS, HOLD = 3, 8
"""Frames between two rounds, and at both ends."""
PALETTE = [
    "#4e79a7", "#f28e2b", "#e15759", "#76b7b2", "#59a14f", "#edc948", "#b07aa1", "#ff9da7", "#9c755f", "#2f6f4f",
    "#d37295", "#1f77b4", "#a0cbe8", "#8cd17d", "#86bcb6", "#6b4c9a",
]  # fmt: skip
OUTLIER = "#c9ced6"


def main() -> None:
    """Train, embed in each round, and draw."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--people", type=int, default=32, help="of the crowd; the crops of half of them are drawn"
    )
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        paths, vectors, labels = rounds_of(Path(place), arguments.people)
        crops = [Image.open(path).convert("RGB").resize(CROP) for path in paths]
        frames = list(draw_all(crops, vectors, labels))
    frames[0].save(
        arguments.out, save_all=True, append_images=frames[1:], duration=90, loop=0, quality=60, method=4
    )
    print(f"{arguments.out}: {len(frames)} frames, {arguments.out.stat().st_size / 1e6:.1f} MB")


def rounds_of(place: Path, people: int) -> tuple[list[Path], list[np.ndarray], list[np.ndarray]]:
    """Paths of the training crops; their embeddings before, and their pseudo-labels in, every round."""
    reseen.draw_crowd(place / "crowd", people=people, cameras=6)
    table = reseen.read_training(place / "crowd")
    paths = [place / "crowd" / path for path in table.paths]
    vectors: list[np.ndarray] = []
    labels: list[np.ndarray] = []

    def keep(number: int, clusters: PseudoLabels) -> None:
        labels.append(clusters.labels.copy())
        if number > 1:
            vectors.append(reseen.load(place / "run").embed(paths))

    run = reseen.train("demo", table, place / "run", on_clusters=keep)
    start = replace(reseen.load(run), encoder=run.encoder(untrained=True))
    return paths, [start.embed(paths), *vectors, reseen.load(run).embed(paths)], [*labels, labels[-1]]


def draw_all(
    crops: Sequence[Image.Image], vectors: Sequence[np.ndarray], labels: Sequence[np.ndarray]
) -> Iterator[Image.Image]:
    """The frames."""
    places = [np.asarray(neighbor_layout(vectors[0]), np.float64)]
    for later in vectors[1:]:
        places.append(aligned(places[-1], np.asarray(neighbor_layout(later), np.float64)))
    places = [fitted(part) for part in places]
    colors = consistent(labels)
    last = len(places) - 1
    for number in track(range(last), "frames"):
        steps = HOLD if number == 0 else 1
        for _ in range(steps):
            yield draw(crops, places[number], colors[number], number + 1, last)
        for step in range(1, STEPS):
            share = step / STEPS
            between = places[number] * (1 - share) + places[number + 1] * share
            yield draw(crops, between, colors[number], number + 1, last)
    for _ in range(3 * HOLD):
        yield draw(crops, places[last], colors[last], last, last)


def aligned(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """The later layout turned, mirrored and moved to be like the one before."""
    return procrustes(before, after)[1]


def fitted(places: np.ndarray) -> np.ndarray:
    """Centered, with all but the farthest crops within -1 to 1."""
    moved = places - np.median(places, axis=0)
    return np.clip(moved / np.quantile(np.abs(moved), 0.985, axis=0), -1, 1)


def consistent(labels: Sequence[np.ndarray]) -> list[list[str]]:
    """A color for every crop in every round: a cluster keeps that of the cluster it shares most crops with."""
    colors, names = [], {}
    for number, now in enumerate(labels):
        count = int(now.max()) + 1
        if number == 0:
            names = {cluster: cluster for cluster in range(count)}
        else:
            before = labels[number - 1]
            shared = np.zeros((count, int(before.max()) + 1))
            both = (now >= 0) & (before >= 0)
            np.add.at(shared, (now[both], before[both]), 1)
            rows, columns = linear_sum_assignment(-shared)
            kept = {int(r): names[int(c)] for r, c in zip(rows, columns, strict=True) if shared[r, c] > 0}
            free = iter(name for name in range(10_000) if name not in set(kept.values()))
            names = {cluster: kept[cluster] if cluster in kept else next(free) for cluster in range(count)}
        colors.append([PALETTE[names[int(c)] % len(PALETTE)] if c >= 0 else OUTLIER for c in now])
    return colors


def draw(
    crops: Sequence[Image.Image], places: np.ndarray, colors: Sequence[str], number: int, rounds: int
) -> Image.Image:
    """One frame."""
    image = Image.new("RGB", (WIDTH, HEIGHT), "white")
    pen = ImageDraw.Draw(image)
    font = ImageFont.load_default(19)
    outliers = sum(color == OUTLIER for color in colors)
    pen.text((EDGE, 12), f"Round {number} of {rounds}", fill="#1c2733", font=font)
    text = f"{outliers} of {len(colors)} crops are outliers"
    pen.text((WIDTH - EDGE - pen.textlength(text, font=font), 12), text, fill="#5b6b7c", font=font)
    size = np.array([WIDTH - 2 * EDGE - CROP[0], HEIGHT - TOP - EDGE - CROP[1]]) / 2
    corners = (places + 1) * size + np.array([EDGE, TOP])
    for crop, (left, top), color in zip(crops, corners.round().astype(int).tolist(), colors, strict=True):
        border = 2 if color != OUTLIER else 1
        pen.rectangle(
            (left - border, top - border, left + CROP[0] + border - 1, top + CROP[1] + border - 1), fill=color
        )
        image.paste(crop, (left, top))
    return image


if __name__ == "__main__":
    main()
