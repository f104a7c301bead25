import numpy as np
import pytest

from reseen.export.fingerprint import ModelIdentity
from reseen.gallery.entries import Entries, Entry


@pytest.fixture
def model():
    return ModelIdentity("f" * 64, 8, "cluster-contrast", "resnet18", 64, 32, "/runs/a")


def draw(count, dimension=8, seed=0, start=0, source="/crops"):
    """Entries with everything, and some with nothing but a name."""
    generator = np.random.default_rng([seed, start])
    vectors = generator.standard_normal((count, dimension)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    entries = []
    for number in range(start, start + count):
        known = number % 5 != 4
        entries.append(
            Entry(
                source,
                f"c{number % 3}/{number:05d}.jpg",
                b"\xff\xd8 picture %d" % number,
                f"c{number % 3}" if known else None,
                1000.0 + number if known else None,
                number // 4 if known else None,
                number // 6 - 1 if known else None,
            )
        )
    return Entries(entries, vectors)
