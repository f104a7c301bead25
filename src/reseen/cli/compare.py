"""`reseen compare`."""

from pathlib import Path
from typing import Literal


def compare(
    first: str,
    second: str,
    *,
    data: Path,
    layout: str = "auto",
    variant: str | None = None,
    camera_pattern: str | None = None,
    identity_pattern: str | None = None,
    distractors: Literal["auto", "zero", "none"] = "auto",
    protocol: Literal["market", "cuhk03-new", "cuhk03-classic", "vehicleid", "video"] | None = None,
    seed: int = 0,
    devices: int = 1,
    json: Path | None = None,
    feature_cache: float = 4.0,
    quiet: bool = False,
) -> None:
    """Compare two runs on the same crops: better, no different, worse, or cannot say.

    Where the data has a query and a gallery with identities, by the difference of their scores query by query;
    elsewhere by what can be measured without labels.

    Parameters
    ----------
    first
        A run folder, or untrained: the weights that the other run started with.
    second
        A run folder, or untrained; the result says how it compares with the first.
    data
        A benchmark, a folder of crops, a manifest or shards.
    layout
        Layout on disk; auto detects it.
    variant
        Variant of the benchmark (split, boxes or test size); default: its first.
    camera_pattern
        Where paths name the camera: '{camera}/{*}'; default: the second run's own; '': no cameras.
    identity_pattern
        Where paths below query and gallery name the person: '{identity}/{*}'; default: the second run's own.
    distractors
        Meaning of identity 0. zero: distractors; none: a person; auto: decided by the data.
    protocol
        Evaluation protocol; default: that of the data set, or market.
    seed
        Random seed of the bootstrap and of drawn galleries.
    devices
        Number of processes for feature extraction, one per GPU; on a CPU they share the cores.
    json
        Also write the comparison to this JSON file.
    feature_cache
        Size limit, in gigabytes, of the cache of features, so that other commands need not embed the same crops again;
        0: no cache.
    quiet
        Hide progress.
    """
    from json import dumps

    from rich.console import Console

    from reseen.distributed.launch import is_main_process
    from reseen.files import check_outputs, write_text
    from reseen.tasks.comparison.compare import compare as compare_sides
    from reseen.tasks.comparison.compare import comparison_table, sentences

    check_outputs(json)
    comparison = compare_sides(
        first,
        second,
        data,
        layout=layout,
        variant=variant,
        camera_pattern=camera_pattern,
        identity_pattern=identity_pattern,
        distractors=distractors,
        protocol=protocol,
        seed=seed,
        devices=devices,
        feature_cache=feature_cache,
        quiet=quiet,
    )
    if not is_main_process():
        return
    console = Console(highlight=False)
    console.print(comparison_table(comparison))
    for sentence in sentences(comparison):
        console.print(sentence, markup=False, soft_wrap=True)
    if json is not None:
        write_text(json, dumps(comparison.to_json(), indent=1) + "\n")
        console.print(f"Comparison written to {json}", markup=False, soft_wrap=True)
