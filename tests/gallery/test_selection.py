import numpy as np

from reseen.gallery.selection import find_similar


def on_circle(*degrees):
    angles = np.deg2rad(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


NAMES = ("a", "b", "c", "d", "e")
PLACES = on_circle(0, 10, 20, 30, 80)
ONE_STEP = float(np.cos(np.deg2rad(10)))


def parts():
    for start in (0, 2, 4):
        yield NAMES[start : start + 2], PLACES[start : start + 2]


def test_rounds_follow_a_chain_until_nothing_new_appears():
    found = find_similar(parts, on_circle(0), ONE_STEP)
    assert found.keys == ("a", "b", "c", "d")
    assert found.rounds == (0, 0, 1, 2)
    assert found.round_counts == (2, 1, 1)
    assert found.exhausted
    assert found.near == ("e",)
    np.testing.assert_allclose(found.near_similarities, [np.cos(np.deg2rad(50))], atol=1e-6)


def test_no_round_is_by_the_images_alone_and_says_that_more_may_come():
    found = find_similar(parts, on_circle(0), ONE_STEP, rounds=0)
    assert (found.keys, found.exhausted) == (("a", "b"), False)
    assert found.near[0] == "c"


def test_several_images_find_what_is_like_any_of_them():
    assert find_similar(parts, on_circle(0, 80), ONE_STEP, rounds=0).keys == ("a", "e", "b")


def test_a_crop_that_stays_is_not_searched_with():
    found = find_similar(parts, on_circle(0), ONE_STEP, kept={"b"})
    assert found.keys == ("a",)
    assert "b" not in found.near


def test_nobody_is_like_it():
    found = find_similar(parts, on_circle(200), 0.99)
    assert (found.keys, found.round_counts, found.exhausted) == ((), (), True)
    assert len(found.near) == 5
