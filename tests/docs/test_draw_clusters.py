"""The picture of clusters forming: a short training gives rounds, and rounds give frames of one size and few bytes."""

import runpy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageSequence

PICTURES = Path(__file__).resolve().parents[2] / "docs" / "images"


@pytest.fixture(scope="module")
def script():
    return type("Script", (), runpy.run_path(str(PICTURES / "draw_clusters.py")))


def test_rounds_are_trained_and_embedded(script, tmp_path):
    flags = ["--train.rounds", "3", "--train.iterations", "2", "--data.height", "32", "--data.width", "16"]
    paths, states, rounds = script.train(tmp_path, 8, flags=flags, shown=(1, 3, 9))
    assert rounds == 3
    assert [state.number for state in states] == [1, 3]
    for state in states:
        assert state.vectors.shape[0] == len(state.labels) == len(paths)
        np.testing.assert_allclose(np.linalg.norm(state.vectors, axis=1), 1, atol=1e-4)
    assert not np.array_equal(states[0].vectors, states[1].vectors)


def test_frames_move_from_round_to_round(script, tmp_path):
    generator = np.random.default_rng(0)
    vectors = generator.standard_normal((2, 40, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=2, keepdims=True)
    labels = np.repeat([0, 1, 2, -1], 10)
    states = [script.RoundState(number, of_round, labels) for number, of_round in enumerate(vectors, start=1)]
    crops = [Image.new("RGB", script.CROP, "navy")] * 40
    frames = list(script.draw_all(crops, states, 2))
    assert len(frames) == script.STEPS + 1
    assert {frame.size for frame, _ in frames} == {(script.WIDTH, script.HEIGHT)}
    assert len({frame.tobytes() for frame, _ in frames}) == len(frames)
    script.save(frames, tmp_path / "clusters.webp")
    with Image.open(tmp_path / "clusters.webp") as picture:
        assert sum(1 for _ in ImageSequence.Iterator(picture)) == len(frames)
    assert (tmp_path / "clusters.webp").stat().st_size <= script.MOST_BYTES


def test_a_cluster_keeps_its_color_when_its_number_changes(script):
    first = np.array([0, 0, 0, 1, 1, 1, -1])
    second = np.array([1, 1, 1, 0, 0, 2, 2])
    before, after = script.consistent([first, second])
    assert before[6] == script.OUTLIER
    assert after[0] == before[0]
    assert after[3] == before[3]
    assert after[5] == after[6]
    assert after[5] not in {after[0], after[3], script.OUTLIER}


def test_no_crop_in_a_cluster(script):
    labels = np.full(4, -1)
    assert script.consistent([labels, labels]) == [[script.OUTLIER] * 4] * 2
    assert (
        script.title(script.RoundState(1, np.zeros((4, 2)), labels), 5)[1]
        == "0 clusters, 4 of 4 crops in none"
    )


def test_a_layout_is_turned_like_the_one_before(script):
    before = np.random.default_rng(1).standard_normal((30, 2))
    turned = before @ np.array([[0.0, -1.0], [1.0, 0.0]]) * 3 + 7
    again = script.aligned(before, turned)
    scaled = (before - before.mean(axis=0)) / np.linalg.norm(before - before.mean(axis=0))
    np.testing.assert_allclose(again, scaled, atol=1e-9)
    assert np.abs(script.fitted(before)).max() <= 1
