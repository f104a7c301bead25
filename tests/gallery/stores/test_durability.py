"""What was acknowledged is there after a kill at any moment."""

import multiprocessing
import random
import signal
import time

import numpy as np
from tests.gallery.stores import adder
from tests.gallery.stores.test_deletion import small_segments  # noqa: F401

from reseen.gallery.stores.edge import EdgeStore

KILLS = 6


def add_until_killed(folder, first, batches, seconds):
    """Numbers of the batches that a process said it had kept: it is killed some time after it said so of `batches`."""
    said = folder.with_name(f"said-{first}-{time.monotonic_ns()}")
    processes = multiprocessing.get_context(
        "forkserver"
    )  # a clean process: the engine has threads in this one
    processes.set_forkserver_preload([adder.__name__])
    process = processes.Process(target=adder.add_for_ever, args=(str(folder), str(said), first))
    process.start()
    while not said.exists() or said.read_text().count("\n") <= batches:  # the first line says that it is open
        assert process.is_alive(), "it ended by itself"
        time.sleep(0.001)
    time.sleep(seconds)
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL, "it ended by itself"
    return [int(line) for line in said.read_text().splitlines() if line.isdigit()]


def test_nothing_acknowledged_is_lost_when_the_process_is_killed(quick_folder, small_segments):  # noqa: F811
    folder = quick_folder / "gallery"
    generator = random.Random(0)
    done = 0
    for kill in range(KILLS):
        said = add_until_killed(folder, done, generator.randrange(4, 12), generator.uniform(0, 0.05))
        done = max(said, default=done - 1) + 1
        wanted = {}
        for number in range(done):
            added = adder.batch(number)
            wanted |= {
                entry.key: (entry, row) for entry, row in zip(added.entries, added.vectors, strict=True)
            }
        unacknowledged = adder.batch(done)
        begun = {
            entry.key: (entry, row)
            for entry, row in zip(unacknowledged.entries, unacknowledged.vectors, strict=True)
        }
        with EdgeStore(folder, adder.MODEL) as store:
            found = {
                entry.key: (entry, row)
                for part in store.scan()
                for entry, row in zip(part.entries, part.vectors, strict=True)
            }
            for key, (entry, row) in wanted.items():
                known, vector = found[key]
                if known != entry:  # replaced by the batch that was not acknowledged, and then whole
                    entry, row = begun[key]
                assert known == entry, kill
                np.testing.assert_array_equal(vector, row)
            assert set(found) <= set(wanted) | set(begun)
            hit = store.search(wanted[next(iter(wanted))][1] if wanted else np.ones(8, np.float32), 1)
            assert bool(hit) == bool(found)
    assert done >= 4 * KILLS
