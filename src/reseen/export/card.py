"""Metadata embedded in an exported file."""

import json

import pyarrow as pa

from reseen.environment import versions
from reseen.errors import RunError
from reseen.exported.input_spec import InputSpec
from reseen.exported.metadata import PREFIX, Card
from reseen.models import Encoder
from reseen.models.encoder_fingerprint import fingerprint
from reseen.reading import read_table
from reseen.runs.cluster_file import BROKEN_PARQUET, CLUSTERS
from reseen.runs.run import Run


def make_card(
    run: Run, encoder: Encoder, spec: InputSpec, license_text: str, precision: str, calibration: str
) -> Card:
    """Metadata of an export: key to text, in reading order.

    Args:
        run: the run whose encoder is exported.
        encoder: the encoder in the file.
        spec: the input of the file.
        license_text: recorded as given; empty is recorded as `not stated`.
        precision: `float32` or `int8`.
        calibration: which crops int8 was calibrated on; empty in float32.

    Raises:
        RunError: the run's `clusters.parquet` is damaged.
    """
    facts = {
        "format": "reseen-export-1",
        "version": versions()["reseen"],
        "method": run.recipe.method.name,
        "backbone": run.recipe.model.backbone,
        "rounds": str(run.rounds_done),
        "fingerprint": fingerprint(encoder),
        "data": str(run.facts["data"]),
        "cameras": json.dumps(camera_names(run), ensure_ascii=False),
        "license": license_text or "not stated",
        "input": f"images: {spec.text(encoder.height, encoder.width)}",
        "input.kind": spec.kind,
        "input.layout": spec.layout,
        "input.channels": spec.channels,
        "height": str(encoder.height),
        "width": str(encoder.width),
        "resize": "inside: bicubic, antialiased"
        if spec.any_size
        else "outside: bicubic, antialiased, if you can",
        "output": f"vectors: float32, batch x {encoder.dimension}, length 1, compared by cosine",
        "dimension": str(encoder.dimension),
        "part": encoder.part if encoder.patches is not None else "global",
        "precision": precision,
        "calibration": calibration or "none",
    }
    return {f"{PREFIX}{key}": text for key, text in facts.items()}


def camera_names(run: Run) -> list[str]:
    """Sorted names of the cameras in the training data; empty if the run was trained without cameras.

    Raises:
        RunError: the run's `clusters.parquet` is damaged.
    """
    file = run.folder / CLUSTERS
    if not run.recipe.cameras or not file.is_file():
        return []
    try:
        names = read_table(file, ["camera"])["camera"].cast(pa.string()).to_pylist()
    except BROKEN_PARQUET as error:
        raise RunError(f"{file}: damaged ({error}); restore it from a copy, or remove it") from None
    return sorted(name for name in set(names) if name)
