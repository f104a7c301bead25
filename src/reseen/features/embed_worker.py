"""One partition of crops to one Parquet file: what a worker does, again and again."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32

from reseen.data.decode import UnreadableError, decode, fit, quiet_pillow
from reseen.data.parallel import in_blocks
from reseen.data.views import normalize
from reseen.datasets.remote_shards import CropLocations, read_location
from reseen.errors import ReseenError
from reseen.features.extract import BATCH
from reseen.features.partitions import PartitionFolder, describe_vectors, partition_name, vector_table
from reseen.geometry import unit
from reseen.models import Encoder
from reseen.registry import load_plugins_of_environment
from reseen.runs.device import scoring_device
from reseen.runs.run import open_run

_BLOCK = 8


@dataclass(frozen=True)
class EmbedTask:
    """The crops of one partition, as text that goes to another process."""

    start: int
    stop: int
    paths: tuple[str, ...]
    cameras: tuple[str | None, ...]
    places: tuple[str, ...]
    spans: tuple[tuple[int, int] | None, ...]

    @property
    def name(self) -> str:
        """The file that it becomes."""
        return partition_name(self.start, self.stop)

    def dump(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def load(cls, text: str) -> "EmbedTask":
        """From JSON."""
        values = json.loads(text)
        spans = tuple(None if span is None else (span[0], span[1]) for span in values.pop("spans"))
        plain = {name: tuple(values[name]) for name in ("paths", "cameras", "places")}
        return cls(values["start"], values["stop"], spans=spans, **plain)


def cut(crops: CropLocations, rows: int) -> list[EmbedTask]:
    """Crops in partitions of so many rows; an unreadable one counts, so that names do not depend on reading."""
    return [
        EmbedTask(
            start, stop, crops.paths[start:stop], crops.cameras[start:stop], crops.places[start:stop], spans
        )
        for start in range(0, len(crops), rows)
        for stop in [min(start + rows, len(crops))]
        for spans in [crops.spans[start:stop]]
    ]


class EmbedWorker:
    """An encoder of its own, and the folder that partitions go into."""

    def __init__(self, run: str, out: str, threads: int | None = None) -> None:
        """Load the encoder; `threads` are those of this process, torch's own choice when not given."""
        if threads is not None:
            torch.set_num_threads(threads)
        load_plugins_of_environment()
        opened = open_run(Path(run))
        self._device = scoring_device(opened)
        self._encoder = opened.encoder().to(self._device)
        self._white_level = opened.recipe.data.white_level
        self._folder, self._said = PartitionFolder(out), describe_vectors(opened, self._encoder)

    def __call__(self, row: dict[str, str]) -> dict[str, str]:
        """Write the partition of a task, `{"task": JSON}`, and say what came of it, `{"done": JSON}`."""
        task = EmbedTask.load(row["task"])
        try:
            done = self._embed(task)
        except ReseenError as error:  # an error of another process arrives without its kind
            return {"done": json.dumps({"error": str(error), "kind": type(error).__name__})}
        return {"done": json.dumps(done)}

    def _embed(self, task: EmbedTask) -> dict[str, object]:
        readable = np.ones(len(task.paths), dtype=bool)
        problems: list[str] = []
        vectors = np.zeros((len(task.paths), self._encoder.dimension), np.float32)
        with torch.no_grad(), quiet_pillow():
            for begin in range(0, len(task.paths), BATCH):
                rows = range(begin, min(begin + BATCH, len(task.paths)))
                pixels = self._pixels(task, rows, readable, problems)
                kept = begin + np.flatnonzero(readable[rows.start : rows.stop])
                if len(kept):
                    vectors[kept] = _encode(self._encoder, pixels[kept - begin], self._device)
        chosen = np.flatnonzero(readable).tolist()
        paths, cameras = [task.paths[row] for row in chosen], [task.cameras[row] for row in chosen]
        said = self._said | {"unreadable": problems}
        self._folder.write(task.name, vector_table(paths, cameras, vectors[readable], said))
        return {"name": task.name, "rows": len(chosen), "unreadable": problems}

    def _pixels(self, task: EmbedTask, rows: range, readable: np.ndarray, problems: list[str]) -> np.ndarray:
        """Pixels of some crops; black where they cannot be read, which is noted."""
        shape = (len(rows), self._encoder.height, self._encoder.width, 3)
        pixels = np.zeros(shape, np.uint8)

        def read(places: range) -> list[str]:
            found = []
            for place in places:
                row = rows[place]
                try:
                    content = read_location(task.places[row], task.spans[row])
                    pixels[place] = fit(decode(content, self._white_level), *shape[1:3])
                except UnreadableError as error:
                    readable[row] = False
                    found.append(f"{task.paths[row]}: {error}")
            return found

        for _, found in in_blocks(read, len(rows), _BLOCK):
            problems += found
        return pixels


def _encode(encoder: Encoder, pixels: np.ndarray, device: torch.device) -> Float32[np.ndarray, "b d"]:
    """Vectors of a batch, as `extract` makes them."""
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2).to(device)
    vectors = encoder(normalize(images, encoder.mean, encoder.std)).float().cpu()
    return (vectors if encoder.raw else unit(vectors)).numpy()
