"""Color alone must not tell people apart across cameras; a slow, obvious evaluator says how far it does."""

import numpy as np
import pytest
from PIL import Image

from reseen.synthetic.schedule import QUERY, STRANGER_FROM, TRAIN, CrowdPlan, planned_shots
from reseen.synthetic.shot import Subject, draw_shot

LIMIT = 0.35


@pytest.fixture(scope="module")
def crops():
    """(person, camera, pixels) of query and gallery, from a crowd of 60 with two images a camera."""
    plan = CrowdPlan(people=60, cameras=6, seed=0, images_per_camera=2, height=128, width=64, share_train=0.5)
    query, gallery = [], []
    for path, shot in planned_shots(plan):
        if path.startswith(TRAIN) or shot.subject == Subject.JUNK:
            continue
        person = 0 if shot.person >= STRANGER_FROM else shot.person
        row = (person, shot.camera, draw_shot(shot, plan.seed, plan.height, plan.width))
        (query if path.startswith(QUERY) else gallery).append(row)
    return query, gallery


def histogram(image: np.ndarray, mode: str) -> np.ndarray:
    pixels = np.asarray(Image.fromarray(image).convert(mode))
    counts = [
        np.histogram(stripe[..., channel], bins=16, range=(0, 256))[0]
        for stripe in np.array_split(pixels, 6)
        for channel in range(3)
    ]
    return np.sqrt(np.concatenate(counts))


def raw_pixels(image: np.ndarray) -> np.ndarray:
    small = Image.fromarray(image).resize((16, 32), Image.Resampling.BILINEAR)
    return np.asarray(small, dtype=np.float64).ravel()


def balanced(image: np.ndarray) -> np.ndarray:
    """Every channel shifted and scaled to the same mean and spread: undoes much of a camera's cast."""
    values = image.astype(np.float64)
    values = (values - values.mean((0, 1))) / values.std((0, 1))
    return np.clip(128 + 50 * values, 0, 255).astype(np.uint8)


def mean_average_precision(crops, describe) -> float:
    query, gallery = crops
    rows = [(person, camera, describe(image)) for person, camera, image in gallery]
    scores = []
    for person, camera, image in query:
        vector = describe(image)
        kept = []
        for other, other_camera, other_vector in rows:
            if (other, other_camera) != (person, camera):
                length = np.linalg.norm(vector) * np.linalg.norm(other_vector)
                kept.append((-float(vector @ other_vector) / length, other == person))
        right = np.array([match for _, match in sorted(kept)])
        precision = np.cumsum(right) / np.arange(1, len(right) + 1)
        scores.append(precision[right].mean())
    return float(np.mean(scores))


@pytest.mark.parametrize(
    "describe",
    [
        pytest.param(lambda image: histogram(image, "RGB"), id="RGB histograms of stripes"),
        pytest.param(lambda image: histogram(image, "HSV"), id="HSV histograms of stripes"),
        pytest.param(lambda image: histogram(balanced(image), "RGB"), id="histograms, colors balanced"),
        pytest.param(raw_pixels, id="raw pixels"),
        pytest.param(lambda image: raw_pixels(balanced(image)) - 128, id="raw pixels, colors balanced"),
    ],
)
def test_color_alone_fails(crops, describe):
    assert mean_average_precision(crops, describe) < LIMIT
