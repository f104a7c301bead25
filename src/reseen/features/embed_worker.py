"""The Ray worker of `embed_by_ray`: embeds one partition of crops at a time into a Parquet file."""

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
from reseen.features.extract import BATCH, checked_features
from reseen.features.partitions import PartitionFolder, describe_vectors, partition_name, vector_table
from reseen.models import Encoder
from reseen.registry import load_plugins_of_environment
from reseen.runs.device import scoring_device
from reseen.runs.run import open_run

_BLOCK = 8


@dataclass(frozen=True)
class EmbedTask:
    """The crops of one partition, serializable for another process."""

    start: int
    stop: int
    paths: tuple[str, ...]
    cameras: tuple[str | None, ...]
    places: tuple[str, ...]
    spans: tuple[tuple[int, int] | None, ...]

    @property
    def name(self) -> str:
        """File name of the partition."""
        return partition_name(self.start, self.stop)

    def dump(self) -> str:
        """The task as JSON text."""
        return json.dumps(asdict(self))

    @classmethod
    def load(cls, text: str) -> "EmbedTask":
        """The task of a JSON text from `dump`."""
        values = json.loads(text)
        spans = tuple(None if span is None else (span[0], span[1]) for span in values.pop("spans"))
        plain = {name: tuple(values[name]) for name in ("paths", "cameras", "places")}
        return cls(values["start"], values["stop"], spans=spans, **plain)


def split_tasks(crops: CropLocations, rows: int) -> list[EmbedTask]:
    """Split crops into tasks of `rows` crops, unreadable ones included, so that names do not depend on reading."""
    return [
        EmbedTask(
            start, stop, crops.paths[start:stop], crops.cameras[start:stop], crops.places[start:stop], spans
        )
        for start in range(0, len(crops), rows)
        for stop in [min(start + rows, len(crops))]
        for spans in [crops.spans[start:stop]]
    ]


class EmbedWorker:
    """A Ray actor with its own encoder that writes partitions into the folder `out`."""

    def __init__(self, run: str, out: str, threads: int | None = None) -> None:
        """Load the encoder; `threads` is the number of torch threads, None for torch's default."""
        if threads is not None:
            torch.set_num_threads(threads)
        load_plugins_of_environment()
        opened = open_run(Path(run))
        self._device = scoring_device(opened)
        self._encoder = opened.encoder().to(self._device)
        self._white_level = opened.recipe.data.white_level
        self._folder, self._metadata = PartitionFolder(out), describe_vectors(opened, self._encoder)

    def __call__(self, row: dict[str, str]) -> dict[str, str]:
        """Write the partition of a task, `{"task": JSON}`, and return a report, `{"done": JSON}`."""
        task = EmbedTask.load(row["task"])
        try:
            report = self._embed(task)
        except ReseenError as error:  # Ray would lose the type of the exception
            return {"done": json.dumps({"error": str(error), "kind": type(error).__name__})}
        return {"done": json.dumps(report)}

    def _embed(self, task: EmbedTask) -> dict[str, object]:
        readable = np.ones(len(task.paths), dtype=bool)
        problems: list[str] = []
        vectors = np.zeros((len(task.paths), self._encoder.dimension), np.float32)
        with torch.no_grad(), quiet_pillow():
            for begin in range(0, len(task.paths), BATCH):
                batch = range(begin, min(begin + BATCH, len(task.paths)))
                pixels = self._pixels(task, batch, readable, problems)
                kept = begin + np.flatnonzero(readable[batch.start : batch.stop])
                if len(kept):
                    vectors[kept] = _encode(self._encoder, pixels[kept - begin], self._device)
        rows = np.flatnonzero(readable).tolist()
        paths, cameras = [task.paths[row] for row in rows], [task.cameras[row] for row in rows]
        metadata = self._metadata | {"unreadable": problems}
        self._folder.write(task.name, vector_table(paths, cameras, vectors[readable], metadata))
        return {"name": task.name, "rows": len(rows), "unreadable": problems}

    def _pixels(self, task: EmbedTask, rows: range, readable: np.ndarray, problems: list[str]) -> np.ndarray:
        """Pixels of a batch; unreadable crops are black, cleared in `readable`, and appended to `problems`."""
        shape = (len(rows), self._encoder.height, self._encoder.width, 3)
        pixels = np.zeros(shape, np.uint8)

        def read(indices: range) -> list[str]:
            failures = []
            for index in indices:
                row = rows[index]
                try:
                    content = read_location(task.places[row], task.spans[row])
                    pixels[index] = fit(decode(content, self._white_level), *shape[1:3])
                except UnreadableError as error:
                    readable[row] = False
                    failures.append(f"{task.paths[row]}: {error}")
            return failures

        for _, failures in in_blocks(read, len(rows), _BLOCK):
            problems += failures
        return pixels


def _encode(encoder: Encoder, pixels: np.ndarray, device: torch.device) -> Float32[np.ndarray, "b d"]:
    """The features of a batch, the same as from `extract`."""
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2).to(device)
    vectors = encoder(normalize(images, encoder.mean, encoder.std)).float().cpu()
    return checked_features(vectors, encoder.raw).numpy
