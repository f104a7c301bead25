"""What every store promises, against the exact one in memory."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.gallery.conftest import draw
from tests.gallery.stores.conftest import KINDS, MODEL, new_place

from reseen.errors import GalleryError
from reseen.export.fingerprint import ModelIdentity
from reseen.gallery.entries import Entries, Entry
from reseen.gallery.filter import EVERYTHING, Filter
from reseen.gallery.stores.in_memory import MemoryStore

pytestmark = [
    pytest.mark.filterwarnings("ignore:Payload indexes have no effect in the local Qdrant"),
    pytest.mark.filterwarnings("ignore:Local mode performs exact"),
]

COUNT = 60
KEYS = [entry.key for entry in draw(COUNT).entries]
CAMERAS = ["c0", "c1", "c2", "elsewhere", ""]
NUMBERS = [-1, 0, 1, 3, 7, 999, 2**70]


def some(values):
    return st.one_of(st.none(), st.lists(st.sampled_from(values), max_size=3).map(tuple))


seconds = st.one_of(
    st.none(),
    st.integers(990, 1000 + COUNT + 10).map(float),  # those of entries, on the edges of a window
    st.floats(900, 1100, allow_nan=False),
)
wheres = st.builds(
    Filter,
    keys=some([*KEYS[:8], KEYS[0].upper(), "no key", "00000000-0000-0000-0000-000000000000"]),
    sources=some(["/crops", "/other", "/nowhere", "\udcff"]),
    images=some(["c0/00000.jpg", "c1/00001.jpg", "c1/00004.jpg", "none.jpg"]),
    cameras=some(CAMERAS),
    not_cameras=some(CAMERAS),
    after=seconds,
    before=seconds,
    clusters=some(NUMBERS),
    tracklets=some(NUMBERS),
)


def contents(store, where=EVERYTHING, batch=1024):
    """Entry by key, and vector by key; each entry is met once."""
    entries, vectors = {}, {}
    for part in store.scan(where, batch):
        assert 0 < len(part) <= batch
        for entry, vector in zip(part.entries, part.vectors, strict=True):
            assert entry.key not in entries
            entries[entry.key], vectors[entry.key] = entry, vector
    return entries, vectors


def same_contents(store, exact, where=EVERYTHING):
    entries, vectors = contents(store, where, 7)
    wanted, wanted_vectors = contents(exact, where)
    assert entries == wanted
    for key, vector in wanted_vectors.items():
        np.testing.assert_array_equal(vectors[key], vector)


def same_hits(found, wanted):
    """The same similarities, and the same entries but for those equally similar."""
    assert len({hit.entry.key for hit in found}) == len(found)
    np.testing.assert_allclose(
        [hit.similarity for hit in found], [hit.similarity for hit in wanted], rtol=0, atol=2e-6
    )
    known = {hit.entry.key: hit for hit in wanted}
    for hit in found:
        if hit.entry.key in known:
            assert hit.entry == known[hit.entry.key].entry
            np.testing.assert_allclose(hit.similarity, known[hit.entry.key].similarity, rtol=0, atol=2e-6)
        else:
            assert abs(hit.similarity - wanted[-1].similarity) < 2e-6


def fill(*stores):
    """The same entries of two sources for each."""
    for store in stores:
        store.add(draw(COUNT))
        store.add(draw(20, seed=5, start=2, source="/other"))
    return stores


@pytest.fixture
def filled(store, model):
    """A store and the exact one."""
    return fill(store, MemoryStore(model))


@pytest.fixture(scope="module", params=KINDS)
def kept(request, tmp_path_factory):
    """A store and the exact one that no test changes."""
    with new_place(request, tmp_path_factory.mktemp("kept")).open(MODEL, create=True) as opened:
        yield fill(opened, MemoryStore(MODEL))


def test_it_gives_back_what_was_added(kept):
    store, exact = kept
    same_contents(store, exact)


@settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
@given(where=wheres, top=st.integers(1, 100), seed=st.integers(0, 9))
def test_any_condition_holds_as_in_memory(kept, where, top, seed):
    store, exact = kept
    query = draw(1, seed=seed).vectors[0] * (seed + 1)  # of any length
    same_hits(store.search(query, top, where), exact.search(query, top, where))
    same_contents(store, exact, where)


@pytest.mark.parametrize(
    "where",
    [
        Filter(cameras=("c1",)),
        Filter(not_cameras=("c0", "c1")),  # the third camera and those without one
        Filter(not_cameras=()),  # leaves nothing out
        Filter(cameras=()),  # for none
        Filter(keys=()),
        Filter(after=1010.0, before=1020.0),  # from, and up to but without
        Filter(after=1010.0),  # not those of unknown time
        Filter(before=1010.0),
        Filter(before=1010.0, after=1010.0),  # an empty window
        Filter(clusters=(-1,)),
        Filter(tracklets=(0, 3)),
        Filter(keys=(KEYS[3], KEYS[4])),
        Filter(sources=("/other",), images=("c0/00003.jpg",)),
    ],
    ids=str,
)
def test_a_condition_holds_as_in_memory(kept, where):
    store, exact = kept
    query = draw(1, seed=3).vectors[0]
    same_hits(store.search(query, 100, where), exact.search(query, 100, where))
    same_contents(store, exact, where)


def test_it_describes_what_is_there(kept, model):
    store, exact = kept
    description, wanted = store.describe(), exact.describe()
    assert replace(description, address="", engine="") == replace(wanted, address="", engine="")
    assert description.model == model
    assert description.engine


def test_an_entry_with_a_known_key_replaces_the_old_one(filled):
    store, exact = filled
    changed = draw(5, seed=9)
    entries = [replace(entry, cluster=77, camera=None, thumbnail=b"") for entry in changed.entries]
    for target in (store, exact):
        target.add(Entries(entries, changed.vectors))
    same_contents(store, exact)
    assert store.describe() == replace(
        exact.describe(), address=store.describe().address, engine=store.describe().engine
    )
    assert len(store.search(changed.vectors[0], 100, Filter(clusters=(77,)))) == 5


def test_of_two_entries_with_one_key_the_last_counts(store):
    given = draw(2)
    entry = given.entries[0]
    store.add(Entries([entry, replace(entry, cluster=5)], given.vectors))
    entries, vectors = contents(store)
    assert list(entries.values()) == [replace(entry, cluster=5)]
    np.testing.assert_array_equal(vectors[entry.key], given.vectors[1])


def test_crops_that_look_the_same_are_all_found(store):
    vector = draw(1).vectors
    entries = [Entry("/crops", f"{number}.jpg") for number in range(12)]
    store.add(Entries(entries, np.repeat(vector, 12, axis=0)))
    hits = store.search(vector[0], 12)
    assert {hit.entry for hit in hits} == set(entries)
    assert len(store.search(vector[0], 5)) == 5


ODD = [
    "人物/カメラ 1/写真.jpg",
    "a'b\"c\\d{e},f;--.jpg",
    "shard.tar::person/1.jpg",
    "NULL",
    "null",
    "  spaces  ",
    "tab\tline\n.jpg",
    "%s:name$1?.jpg",
    "🙂" * 300,
    "e\u0301 and \u00e9.jpg",
]


def test_odd_names_are_kept_and_found(store):
    entries = [Entry(f"/{name}", name, bytes(range(256)), name, tracklet=2**40, cluster=-1) for name in ODD]
    store.add(Entries(entries, draw(len(ODD)).vectors))
    assert contents(store)[0] == {entry.key: entry for entry in entries}
    for name, entry in zip(ODD, entries, strict=True):
        for where in (Filter(images=(name,)), Filter(cameras=(name,)), Filter(sources=(f"/{name}",))):
            assert [hit.entry for hit in store.search(draw(1).vectors[0], 3, where)] == [entry]
    assert store.describe().cameras == dict.fromkeys(ODD, 1)
    assert store.delete(Filter(images=tuple(ODD[:3]))) == 3


def test_times_are_kept_and_compared_to_the_last_bit(store):
    generator = np.random.default_rng(0)
    times = [
        -0.1 + 0.3,
        5e-324,
        -1e300,
        *(1.6e9 + 1e8 * generator.random(60)),
        *generator.random(60).tolist(),
    ]
    entries = [Entry("/crops", f"{place}.jpg", time=float(time)) for place, time in enumerate(times)]
    store.add(Entries(entries, draw(len(times)).vectors))
    assert contents(store)[0] == {entry.key: entry for entry in entries}
    assert (store.describe().first, store.describe().last) == (min(times), max(times))
    for entry in entries:
        own = Filter(after=entry.time, before=np.nextafter(entry.time, np.inf))
        assert [hit.entry for hit in store.search(draw(1).vectors[0], 1, own)] == [entry]
        none = Filter(after=np.nextafter(entry.time, -np.inf), before=entry.time)
        assert store.search(draw(1).vectors[0], 1, none) == []


def test_a_name_that_is_no_text_is_refused(store):
    with pytest.raises(GalleryError, match=r"udcff.*rename the file"):
        store.add(Entries([Entry("/crops", "a\udcff.jpg")], draw(1).vectors))
    assert store.describe().count == 0


def test_nothing_is_found_where_nothing_is(store):
    store.add(Entries([], np.zeros((0, 8), np.float32)))
    assert store.search(draw(1).vectors[0], 5) == []
    assert list(store.scan()) == []
    assert store.delete(EVERYTHING) == 0
    description = store.describe()
    assert (description.count, description.cameras, description.sources) == (0, {}, {})
    assert (description.first, description.last) == (None, None)


def test_deleted_entries_are_gone_and_others_stay(filled):
    store, exact = filled
    for where in (
        Filter(keys=(KEYS[1],)),
        Filter(clusters=(0,), after=1003.0),
        Filter(cameras=()),
        Filter(sources=("/other",)),
    ):
        assert store.delete(where) == exact.delete(where)
        same_contents(store, exact)
        assert store.delete(where) == 0
    query = draw(1, seed=4).vectors[0]
    same_hits(store.search(query, 30), exact.search(query, 30))
    assert store.delete(EVERYTHING) == exact.describe().count
    assert store.describe().count == 0
    store.add(draw(3))
    assert store.describe().count == 3


def test_vectors_of_another_dimension_are_refused(kept):
    store, _ = kept
    with pytest.raises(GalleryError, match="vectors of 8 numbers"):
        store.add(draw(2, dimension=9))
    with pytest.raises(GalleryError, match="vectors of 8 numbers"):
        store.search(draw(1, dimension=9).vectors[0], 3)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 0.0])
def test_a_query_without_a_direction_is_refused(kept, bad):
    query = np.full(8, bad, np.float32)
    with pytest.raises(GalleryError, match="zero or not finite"):
        kept[0].search(query, 3)


def test_at_least_one_entry_is_asked_for(kept):
    with pytest.raises(GalleryError, match="top 0"):
        kept[0].search(draw(1).vectors[0], 0)


def test_another_time_the_same_is_there(place, model):
    if place.kind == "memory":
        pytest.skip("memory is gone when it is closed")
    exact = MemoryStore(model)
    exact.add(draw(COUNT))
    with place.open(model, create=True) as store:
        store.add(draw(COUNT))
    store.close()  # a second time does nothing
    with place.open() as store:
        same_contents(store, exact)
        assert store.describe().model == model
    with place.open(model, create=True) as store:  # there already: opened
        same_contents(store, exact)


def test_a_closed_store_says_so(place, model):
    if place.kind == "memory":
        pytest.skip("memory needs no closing")
    with place.open(model, create=True) as store:
        store.add(draw(3))
    with pytest.raises(GalleryError, match="was closed"):
        store.search(draw(1).vectors[0], 3)


def test_there_must_be_a_gallery(place, model):
    if place.kind != "memory":
        with pytest.raises(GalleryError, match="there is no gallery"):
            place.open(model)
    with pytest.raises(GalleryError):
        place.open(None)


def test_the_vectors_of_another_model_are_refused(place, model):
    if place.kind == "memory":
        pytest.skip("memory is always new")
    place.open(model, create=True).close()
    other = replace(model, fingerprint="0" * 64, method="sphere", backbone="resnet50", run="/runs/b")
    with pytest.raises(GalleryError) as refused:
        place.open(other, create=True)
    for word in (
        "cluster-contrast",
        "resnet18",
        "/runs/a",
        "ffffffff",
        "sphere",
        "resnet50",
        "/runs/b",
        "00000000",
    ):
        assert word in str(refused.value)
    moved = replace(model, run="/moved/a")
    with place.open(moved) as store:  # the same weights elsewhere
        assert store.describe().model == model


def test_a_store_keeps_that_its_vectors_are_of_mirrored_crops(place):
    mirrored = replace(MODEL, mirrored=True)
    with place.open(mirrored, create=True) as store:
        assert store.describe().model == mirrored
    if place.kind == "memory":
        return
    for model, create in ((None, False), (mirrored, False), (MODEL, True)):
        with place.open(model, create) as again:
            assert again.describe().model == mirrored


def test_descriptions_of_models_from_before_are_read_and_plain_ones_are_written_as_before():
    before = (
        '{"backbone": "resnet18", "dimension": 8, "fingerprint": "' + "f" * 64 + '", "height": 64, '
        '"method": "cluster-contrast", "run": "/runs/a", "width": 32}'
    )
    assert ModelIdentity.from_json(before) == MODEL
    assert MODEL.to_json() == before
    mirrored = replace(MODEL, mirrored=True)
    assert ModelIdentity.from_json(mirrored.to_json()) == mirrored
    assert "averaged with their mirror images" in mirrored.name
    assert mirrored.vector_identity != MODEL.vector_identity
    with pytest.raises(GalleryError, match="cannot be read"):
        ModelIdentity.from_json(before.replace("}", ', "mirrored": 1}'))
