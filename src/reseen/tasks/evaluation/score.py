"""Evaluate a run on query and gallery. After training, this is the first place that reads identities."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from reseen.data.crops import Crops, open_crops
from reseen.data.evaluation_table import EvaluationTable
from reseen.data.occlusion import Occlusion
from reseen.data.table import ImageTable
from reseen.datasets import (
    PATTERNED,
    DistractorRule,
    Patterns,
    choose,
    detect,
    drop_junk,
    label_splits,
    parse_layout,
)
from reseen.datasets.raw_rows import AS_PERSON
from reseen.distributed.launch import is_main_process, launch
from reseen.distributed.process_group import ProcessGroup
from reseen.evaluate.metrics import RetrievalScore
from reseen.evaluate.refine import POOLING
from reseen.evaluate.scoring import Protocol, ScoringOptions
from reseen.evaluate.task import ZERO, Preparation, RetrievalTask
from reseen.features.feature_cache import FEATURE_CACHE_GIGABYTES
from reseen.runs.camera_file import camera_means_of
from reseen.runs.console import RunView
from reseen.runs.device import scoring_device
from reseen.runs.load_table import camera_pattern_of
from reseen.runs.run import Run, open_run
from reseen.tasks.evaluation.retrieval import Retrieval, RetrievalFeatureExtractor, domain, with_domain


@dataclass(frozen=True)
class Benchmark:
    """Query and gallery with ground truth."""

    query: EvaluationTable
    gallery: EvaluationTable
    name: str = ""
    """Name of the data set, with the variant if it has several."""
    protocol: Protocol = "market"
    """Default protocol of the data set."""
    notes: tuple[str, ...] = ()
    """Notes on the data, to be repeated by every score."""
    distractors: str = ZERO
    """How identity 0 is treated."""


def read_benchmark(
    data: str | Path,
    layout: str | None = None,
    variant: str | None = None,
    *,
    patterns: Patterns | None = None,
    distractors: DistractorRule = "auto",
) -> Benchmark:
    """Read query and gallery of a folder, shards or a manifest; the layout is detected when None.

    `patterns` name camera and person in paths of custom folders. `distractors` decides whether identity 0 marks
    distractors (`zero`) or is a person (`none`); `auto` decides by the data.

    Raises:
        DataError: the data has no query and gallery, or no identities.
        SettingsError: an unknown layout or variant, or a pattern that is invalid or not applicable.
    """
    root = Path(data).expanduser()
    choice = choose(root, layout, variant)
    splits = label_splits(
        root, layout, variant, ("query", "gallery"), patterns=patterns, distractors=distractors
    )
    query, gallery = (drop_junk(splits.tables[name]) for name in ("query", "gallery"))
    rule = AS_PERSON if splits.zero_is_person else ZERO
    if choice is None:
        return Benchmark(query, gallery, notes=splits.notes, distractors=rule)
    suffix = f", {choice.variant.description}" if choice.variant.description else ""
    name = f"{choice.dataset.title}{suffix}"
    return Benchmark(query, gallery, name, choice.variant.protocol, splits.notes, rule)


def patterns_of(
    run: Run,
    data: str | Path,
    layout: str | None = None,
    camera_pattern: str | None = None,
    identity_pattern: str | None = None,
) -> Patterns:
    """The given patterns, or else those of the run's recipe where they apply to the data."""
    root = Path(data).expanduser()
    camera = camera_pattern_of(run.recipe, root, camera_pattern, layout)
    if identity_pattern is None and (parse_layout(layout) or detect(root)) in PATTERNED:
        identity_pattern = run.recipe.data.identity_pattern
    return Patterns(camera, identity_pattern)


def score(
    run: Run | str | Path,
    data: str | Path,
    *,
    layout: str | None = None,
    variant: str | None = None,
    camera_pattern: str | None = None,
    identity_pattern: str | None = None,
    distractors: DistractorRule = "auto",
    options: ScoringOptions | None = None,
    mirrored: bool = False,
    whitened: bool = True,
    untrained: bool = False,
    center_cameras: bool = False,
    devices: int = 1,
    feature_cache: float = FEATURE_CACHE_GIGABYTES,
    quiet: bool = False,
) -> RetrievalScore:
    """Evaluate the last round of a run on query and gallery; no round is selected by its score.

    Args:
        run: the run, or its folder.
        data: a benchmark in its published layout, or a manifest or shards with splits and identities.
        layout: the layout on disk; detected when None.
        variant: the variant of the benchmark (split, boxes or test size); its first when None.
        camera_pattern: where paths name the camera, such as `{camera}/{*}`; empty for none, None for the recipe's.
        identity_pattern: where paths name the person, such as `{*}/{identity}/{*}`; None for the recipe's.
        distractors: meaning of identity 0: distractors (`zero`), a person (`none`), or decided by the data (`auto`).
        options: options of scoring; the default protocol of the data, without re-ranking, when None.
        mirrored: average the features of a crop and its mirror image; recorded in the score.
        whitened: whiten the features, if the run ended with `train.whiten`; recorded in the score.
        untrained: evaluate the weights that the run started with, before its first training step.
        center_cameras: subtract the mean of its camera from every vector; recorded in the score.
        devices: number of processes for feature extraction.
        feature_cache: size limit in gigabytes of the cache of features; 0 for none.
        quiet: hide progress and do not print the score's `notes` on comparability.

    Raises:
        RunError: `run` is not a run folder, or holds no starting weights with `untrained`.
        DataError: `data` has no query and gallery or no identities, no query has a correct match, or cameras are to be
            centered and cannot be.
        SettingsError: an unknown layout or variant, or a pattern that is invalid or not applicable.

    Example:
        >>> result = reseen.score("runs/market", "data/Market-1501")
        >>> result.mean_average_precision, result.cmc[1]
    """
    run = run if isinstance(run, Run) else open_run(run)
    patterns = patterns_of(run, data, layout, camera_pattern, identity_pattern)
    benchmark = read_benchmark(data, layout, variant, patterns=patterns, distractors=distractors)
    retrieval = retrieve(
        run,
        benchmark,
        options=options,
        mirrored=mirrored,
        whitened=whitened,
        untrained=untrained,
        devices=devices,
        feature_cache=feature_cache,
        quiet=quiet,
    )
    result = (retrieval.centered() if center_cameras else retrieval).score(quiet)
    with RunView(0, quiet) as view:
        view.say(*(f"warning: {note}" for note in result.notes))
    return with_domain(result, domain(run, data))


def retrieve(
    run: Run,
    benchmark: Benchmark,
    *,
    options: ScoringOptions | None = None,
    occlusions: Sequence[Occlusion] = (),
    student: bool = False,
    part: Literal["both", "global", "patch"] | None = None,
    mirrored: bool = False,
    whitened: bool = True,
    untrained: bool = False,
    devices: int = 1,
    feature_cache: float = FEATURE_CACHE_GIGABYTES,
    quiet: bool = False,
) -> Retrieval:
    """Extract the features of query and gallery; unreadable crops are excluded.

    `occlusions` adds features of occluded queries. `student` uses the student network in place of a momentum teacher,
    `part` only global or only patch embeddings, `mirrored` the mean over a crop and its mirror image, `whitened` the
    whitening that the run ended with, `untrained` the weights that it started with. `feature_cache` is the size limit
    in gigabytes of the cache of features. With several `devices`, features on a CPU are bit-identical for equal numbers
    of threads.

    Raises:
        DataError: the protocol needs tracklets, and the data has none.
        SettingsError: the protocol needs unit features, and those of the run are raw.
    """
    options = ScoringOptions(protocol=benchmark.protocol) if options is None else options
    tables = {"query": benchmark.query, "gallery": benchmark.gallery}
    request = {
        "run": str(run.folder.absolute()),
        "student": student,
        "part": part,
        "untrained": untrained,
        "mirrored": mirrored,
        "whitened": whitened,
        "feature_cache": feature_cache,
        "pool": options.protocol == "video",
        "occlusions": [asdict(occlusion) for occlusion in occlusions],
    }
    sides, occluded_sides = {}, {}
    with (
        RunView(0, quiet or not is_main_process()) as view,
        launch(devices, scoring_device(run).type, "evaluate", request) as ranks,
    ):
        extractor = _extractor(run, request, ranks)
        opened = _open(
            run, ranks.broadcast({name: table.images for name, table in tables.items()}), extractor, quiet
        )
        for name, table in tables.items():
            crops = opened[name]
            view.say(*(f"{name}: {note}" for note in crops.notes))
            identities = table.identities[crops.store_rows.numpy()]
            sides[name] = extractor.features_of(name, crops, identities, view)
        for occlusion in occlusions:
            crops = replace(opened["query"], occlusion=occlusion)
            identities = benchmark.query.identities[crops.store_rows.numpy()]
            name = f"query, {occlusion.name}"
            occluded_sides[occlusion.name] = extractor.features_of(name, crops, identities, view)
    query, gallery = sides["query"], sides["gallery"]
    is_whitened = extractor.encoder.whitening is not None
    task = RetrievalTask(
        query.features,
        gallery.features,
        query.identities,
        query.crops.table.cameras,
        gallery.identities,
        gallery.crops.table.cameras,
        Preparation(mirrored, is_whitened, POOLING if extractor.pool else "none"),
        notes=benchmark.notes,
        distractors=benchmark.distractors,
    )
    occluded = {name: replace(task, query=side.features) for name, side in occluded_sides.items()}
    patches = run.recipe.model.patches
    as_measured = not (student or untrained) and part in (None, None if patches is None else patches.feature)
    as_measured = as_measured and is_whitened == (run.whitening() is not None)
    return Retrieval(
        task,
        query.crops,
        gallery.crops,
        occluded,
        options,
        extractor.encoder.part,
        camera_means_of(run) if as_measured else None,
        run.recipe.cameras,
    )


def evaluate_in_worker(ranks: ProcessGroup, request: dict[str, Any]) -> None:
    """Run `retrieve` in a worker process: extract its share of the features, in the same order."""
    run = open_run(request["run"])
    extractor = _extractor(run, request, ranks)
    opened = _open(run, ranks.broadcast(None), extractor, quiet=True)
    occluded = [replace(opened["query"], occlusion=Occlusion(**values)) for values in request["occlusions"]]
    for crops in (*opened.values(), *occluded):
        extractor.vectors(crops)


def _extractor(run: Run, request: dict[str, Any], ranks: ProcessGroup) -> RetrievalFeatureExtractor:
    device = scoring_device(run, ranks)
    encoder = run.encoder(request["student"], request["part"], request["untrained"], request["whitened"]).to(
        device
    )
    return RetrievalFeatureExtractor(
        run, encoder, device, request["mirrored"], request["pool"], request["feature_cache"], ranks
    )


def _open(
    run: Run, tables: Mapping[str, ImageTable], extractor: RetrievalFeatureExtractor, quiet: bool
) -> dict[str, Crops]:
    quiet, size = quiet or not extractor.ranks.is_main, (extractor.encoder.height, extractor.encoder.width)
    with extractor.ranks.main_process_first():
        return {
            name: open_crops(table, run.reading, *size, progress=not quiet) for name, table in tables.items()
        }
