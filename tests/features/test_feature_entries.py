"""What the cache of features holds is listed without torch, and damaged entries are passed over."""

import json
import subprocess
import sys

from reseen.data import pixel_cache
from reseen.features.feature_entries import BATCH_SUFFIX, CHECKSUM_BYTES, feature_entries, feature_folder

DETAILS = {
    "root": "/crops",
    "images": 5,
    "height": 64,
    "width": 32,
    "problems": {},
    "dimension": 3,
    "run": "/r",
}


def entry(folder, key, batches, **details):
    made = pixel_cache.create_entry(folder, key, lambda _: {**DETAILS, **details}, ["/crops"])
    for number, rows in enumerate(batches):
        (made / f"{number}{BATCH_SUFFIX}").write_bytes(bytes(CHECKSUM_BYTES + 12 * rows))
    return made


def test_crops_are_counted_by_the_size_of_files(tmp_path):
    folder = feature_folder(tmp_path)
    assert folder == tmp_path / "features"
    assert feature_entries(folder) == []
    entry(folder, "a", [4, 1])
    (entry(folder, "b", [2]) / "0.batch-half").write_bytes(b"unfinished")
    (entry(folder, "c", [7]) / pixel_cache.DETAILS_FILE).write_text("{")
    entry(folder, "d", [3], dimension=None)
    assert {one.entry.key: one.crops for one in feature_entries(folder)} == {"a": 5, "b": 2, "d": 0}
    assert json.loads((folder / "a" / pixel_cache.SOURCES_FILE).read_text()) == ["/crops"]


def test_the_command_that_lists_them_loads_no_torch():
    code = "import sys, reseen.features.feature_entries; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
