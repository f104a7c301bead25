import numpy as np
from tests.gallery.conftest import draw

from reseen.gallery.filter import Filter
from reseen.gallery.stores.in_memory import MemoryStore


def test_the_nearest_come_first_and_conditions_hold(model):
    given = draw(40)
    with MemoryStore(model) as store:
        store.add(given)
        hits = store.search(given.vectors[7], 5, Filter(cameras=("c1",)))
        assert hits[0].entry == given.entries[7]
        assert np.isclose(hits[0].similarity, 1)
        assert all(hit.entry.camera == "c1" for hit in hits)
        assert [hit.similarity for hit in hits] == sorted((hit.similarity for hit in hits), reverse=True)
        assert store.delete(Filter(clusters=(0,))) == sum(entry.cluster == 0 for entry in given.entries)
        assert store.describe().count == 40 - sum(entry.cluster == 0 for entry in given.entries)
