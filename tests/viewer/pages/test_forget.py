"""Forgetting: first looked at, then gone from everywhere."""

import numpy as np
import pytest
from tests.limits import HANG_MILLISECONDS
from tests.viewer.conftest import no_sideways_scroll

from reseen.errors import GalleryError
from reseen.gallery.deletion_log import read_deletion_log
from reseen.gallery.filter import Filter
from reseen.viewer import deletion
from reseen.viewer.deletion import DeletionPlan, DeletionPlans, without


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the ledger of a gallery in memory is written below it


def left(served, keys):
    return sum(len(part) for part in served.viewer.gallery.store.scan(Filter(keys=tuple(keys))))


def test_a_cluster_is_looked_at_and_forgotten(tab, served):
    collection = served.viewer.snapshot.collection
    keys = [key for key, cluster in zip(collection.keys, collection.clusters, strict=True) if cluster == 3]
    tab.goto(served.address + "/forget?cluster=3")
    tab.click("form.way >> nth=1 >> button")
    tab.wait_for_selector(".doomed")
    assert tab.locator(".doomed li").count() == len(keys)
    assert f"{len(keys)} crops will be deleted" in tab.inner_text("h1")
    assert left(served, keys) == len(keys)
    kept = tab.get_attribute(".doomed input >> nth=0", "value")
    tab.check(".doomed input >> nth=0", force=True)
    assert tab.locator(".stays >> nth=0").is_visible()
    tab.click("button.danger")
    assert left(served, keys) == len(keys), "the box must be ticked first"
    tab.check("input[name=sure]")
    tab.click("button.danger")
    tab.wait_for_selector(".files")
    gone = set(keys) - {kept}
    assert f"{len(gone)} crops deleted" in tab.inner_text("h1")
    assert left(served, keys) == 1
    assert len(tab.input_value(".files").splitlines()) == len(gone)
    assert not gone & set(served.viewer.snapshot.collection.keys)
    lines = read_deletion_log(served.viewer.gallery.address)
    assert [(line.by, line.verified) for line in lines] == [("cluster", False), ("cluster", True)]
    assert set(lines[-1].keys) == gone
    with served.client() as client:
        key = next(iter(gone))
        assert client.get(f"/thumbnails/{key}.jpg").status_code == 404
        assert client.get(f"/api/entries/{key}").status_code == 404
        points = client.get("/api/points", params={"most": 1000, "layout": "principal"}).json()
    assert {point["key"] for point in points} == set(served.viewer.snapshot.collection.keys)
    tab.goto(served.address + "/map")
    tab.wait_for_selector("#map[data-ready]", timeout=HANG_MILLISECONDS)
    assert tab.get_attribute("#plot", "aria-label") == f"Map of {len(collection) - len(gone)} crops"


def test_from_a_crop_in_search_to_everybody_like_it(tab, served):
    collection = served.viewer.snapshot.collection
    tab.goto(f"{served.address}/search?key={collection.keys[0]}")
    tab.click("text=Forget …")
    tab.wait_for_selector(".given")
    similarities = np.sort(collection.vectors @ collection.vectors[0])[::-1]
    place = (
        int(np.argmax(similarities[1:-1] - similarities[2:])) + 1
    )  # the widest gap: rounding decides nothing
    wanted = float(similarities[place : place + 2].mean())
    tab.fill("input[name=similarity]", f"{wanted:.9f}")
    tab.fill("input[name=rounds]", "0")
    tab.click("form.way >> nth=2 >> button")
    tab.wait_for_selector(".doomed")
    assert tab.locator(".doomed li").count() == place + 1
    assert tab.inner_text(".doomed .words >> nth=0") == "1.000"


def test_the_rest_of_a_cluster_is_shown_and_may_go_too(tab, served):
    collection = served.viewer.snapshot.collection
    row = int(np.flatnonzero(collection.clusters == 3)[0])
    rest = {key for key, number in zip(collection.keys, collection.clusters, strict=True) if number == 3}
    rest.remove(collection.keys[row])
    tab.goto(f"{served.address}/forget?key={collection.keys[row]}")
    tab.click("form.way >> nth=0 >> button")
    tab.wait_for_selector(".spared")
    shown = {box.get_attribute("value") for box in tab.query_selector_all(".spared input")}
    assert shown == rest
    more = tab.get_attribute(".spared input >> nth=0", "value")
    tab.check(".spared input >> nth=0", force=True)
    assert tab.locator(".goes >> nth=0").is_visible()
    tab.check("input[name=sure]")
    tab.click("button.danger")
    tab.wait_for_selector(".files")
    assert "2 crops deleted" in tab.inner_text("h1")
    assert "not compared, because there is no threshold" in tab.inner_text(".facts")
    assert left(served, [collection.keys[row], more]) == 0
    assert left(served, rest) == len(rest) - 1


def test_several_images_and_rounds_find_more(served, filled):
    collection = served.viewer.snapshot.collection
    contents = [(filled.crowd / filled.content.entries[row].image).read_bytes() for row in (5, 40)]
    files = [("image", (f"{number}.jpg", content, "image/jpeg")) for number, content in enumerate(contents)]

    def count(files, rounds):
        with served.client() as client:
            sent = {"by": "like", "similarity": "0.9999", "rounds": rounds}
            page = client.post("/forget", data=sent, files=files).text
        return page.count('name="keep"')

    alone = count(files[:1], "0"), count(files[1:], "0")
    assert min(alone) >= 1
    assert max(alone) <= count(files, "0") <= sum(alone)
    assert count(files[:1], "9") >= alone[0]
    with served.client() as client:
        like = {"by": "like", "key": collection.keys[0], "similarity": 0.99}
        counts = [
            len(client.post("/api/forget", json=like | {"rounds": rounds}).json()["keys"])
            for rounds in (0, 1, 9)
        ]
        assert counts == sorted(counts)
        assert client.post("/api/forget", json=like | {"rounds": -1}).status_code == 422
        told = client.post("/api/forget", json=like | {"rounds": 0}).json()
        assert (told["threshold"], len(told["near"])) == (0.99, min(60, len(collection) - counts[0]))
        assert told["still_similar"] >= counts[1] - counts[0]


def test_answers_and_maps_lose_who_is_forgotten_by_a_command_too(served, tmp_path):
    """Files that the viewer wrote are recorded, so that `forget` finds them when the viewer is closed."""
    from reseen.gallery.copies import recorded_copies

    collection = served.viewer.snapshot.collection
    with served.client() as client:
        keys = [key for key, number in zip(collection.keys, collection.clusters, strict=True) if number == 4][
            :3
        ]
        sent = {"version": served.viewer.snapshot.version, "do": "same", "crops": keys}
        done = client.post("/api/edits", json=sent)
    assert done.status_code == 200, done.text
    (copy,) = [copy for copy in recorded_copies("memory:") if copy.path == str(tmp_path / "answers.csv")]
    assert (copy.kind, copy.source) == ("answers", collection.entries[0].source)


def test_a_phone_shows_what_would_go(phone, served):
    phone.goto(served.address + "/forget?cluster=3")
    assert no_sideways_scroll(phone)
    phone.click("form.way >> nth=1 >> button")
    phone.wait_for_selector(".doomed")
    assert no_sideways_scroll(phone)


def test_an_image_that_is_sent_chooses_who_is_like_it(served, filled):
    content = (filled.crowd / filled.content.entries[5].image).read_bytes()
    with served.client() as client:
        sent = {"by": "like", "similarity": "0.99"}
        answer = client.post("/forget", data=sent, files={"image": ("a.jpg", content, "image/jpeg")})
        broken = client.post("/forget", data=sent, files={"image": ("a.jpg", b"no", "image/jpeg")})
        none = client.post("/forget", data=sent)
    assert answer.status_code == 200
    assert "will be deleted" in answer.text
    assert broken.status_code == 422
    assert "Cannot use this image" in broken.text
    assert none.status_code == 422
    assert len(served.viewer.snapshot.collection) == len(filled.content)


def test_programs_get_a_dry_run_first(served):
    collection = served.viewer.snapshot.collection
    entry = collection.entries[7]
    with served.client() as client:
        dry = client.post("/api/forget", json={"by": "image", "path": f"{entry.source}/{entry.image}"}).json()
        assert (dry["dry_run"], dry["keys"], dry["ledger"]) == (True, [collection.keys[7]], None)
        assert left(served, dry["keys"]) == 1
        wet = client.post(
            "/api/forget", json={"by": "image", "key": collection.keys[7], "dry_run": False}
        ).json()
        assert wet["keys"] == dry["keys"]
        assert wet["files"] == [f"{entry.source}/{entry.image}"]
        assert left(served, dry["keys"]) == 0
        again = client.post("/api/forget", json={"by": "image", "key": collection.keys[7], "dry_run": False})
        assert again.status_code == 422
        like = {"by": "like", "key": collection.keys[0], "similarity": 1.0}
        assert client.post("/api/forget", json=like).json()["keys"] == [collection.keys[0]]


@pytest.mark.parametrize(
    "sent",
    [
        {"by": "everything"},
        {"by": "cluster"},
        {"by": "cluster", "cluster": -1},
        {"by": "cluster", "cluster": 9999},
        {"by": "like", "key": "x", "similarity": 0.5},
        {"by": "like"},
        {"by": "image"},
        {"by": "image", "key": "x", "dry_run": "perhaps"},
        {"by": "image", "all": True},
    ],
)
def test_nothing_goes_by_a_request_that_does_not_fit(served, sent):
    count = len(served.viewer.snapshot.collection)
    with served.client() as client:
        assert (
            client.post("/api/forget", json=sent | {"dry_run": sent.get("dry_run", False)}).status_code == 422
        )
    assert (
        len(served.viewer.snapshot.collection)
        == count
        == left(served, served.viewer.snapshot.collection.keys)
    )


def test_a_plan_is_carried_out_once_and_only_when_confirmed(served):
    with served.client() as client:

        def look():
            page = client.post("/forget", data={"by": "cluster", "cluster": "4"}).text
            return page.split('name="plan" value="')[1].split('"')[0]

        count = len(served.viewer.snapshot.collection)
        assert client.post("/forget/confirm", data={"plan": look()}).status_code == 422
        assert len(served.viewer.snapshot.collection) == count
        token = look()
        assert client.post("/forget/confirm", data={"plan": token, "sure": "yes"}).status_code == 200
        fewer = len(served.viewer.snapshot.collection)
        assert fewer < count
        assert client.post("/forget/confirm", data={"plan": token, "sure": "yes"}).status_code == 422
        assert len(served.viewer.snapshot.collection) == fewer


def test_pages_show_what_is_left_where_forgetting_fails_halfway(served, monkeypatch):
    viewer, keys = served.viewer, served.viewer.snapshot.collection.keys[:3]

    def half(gallery, where, by, dry_run, threshold):
        gallery.store.delete(Filter(keys=keys[:2]))
        raise GalleryError("one is still there")

    monkeypatch.setattr(deletion, "forget", half)
    with served.client() as client:
        from reseen.viewer.maps import Maps

        with pytest.raises(GalleryError):
            deletion.execute_deletion(viewer, Maps("memory:"), DeletionPlan("image", keys, None, ""))
        assert client.get(f"/api/entries/{keys[0]}").status_code == 404
        assert client.get(f"/api/entries/{keys[2]}").status_code == 200


def test_old_plans_are_dropped():
    plans = DeletionPlans()
    tokens = [plans.add(DeletionPlan("image", (str(number),), None, "")) for number in range(20)]
    assert plans.pop(tokens[0]) is None
    assert plans.pop(tokens[-1]).keys == ("19",)
    assert plans.pop(tokens[-1]) is None


def test_crops_that_stay_are_taken_out_with_their_similarities():
    plan = without(DeletionPlan("like", ("a", "b", "c"), (0.9, 0.8, 0.7), ""), ["b", "x"])
    assert (plan.keys, plan.similarities) == (("a", "c"), (0.9, 0.7))
