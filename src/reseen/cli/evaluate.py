"""`reseen evaluate`."""

from pathlib import Path
from typing import Any, Literal, NamedTuple


def evaluate(
    run: Path | None = None,
    *,
    data: Path | None = None,
    layout: str = "auto",
    variant: str | None = None,
    camera_pattern: str | None = None,
    identity_pattern: str | None = None,
    distractors: Literal["auto", "zero", "none"] = "auto",
    features: tuple[Path, Path] | None = None,
    protocol: Literal["market", "cuhk03-new", "cuhk03-classic", "vehicleid", "video"] | None = None,
    average_precision: Literal["step", "trapezoid"] = "step",
    rerank: Literal["zhong", "faiss"] | None = None,
    rerank_memory: float = 2.0,
    expand_queries: int | None = None,
    expansion_power: float = 0.0,
    queries_in_gallery: bool = False,
    flip: bool = False,
    raw: bool = False,
    details: bool = True,
    occlude: float | None = None,
    half: Literal["upper", "lower"] | None = None,
    seed: int = 0,
    student: bool = False,
    part: Literal["both", "global", "patch"] | None = None,
    devices: int = 1,
    json: Path | None = None,
    report: Path | None = None,
    quiet: bool = False,
) -> None:
    """Score the last round of a run on query and gallery, or anybody's features.

    Parameters
    ----------
    run
        A run folder.
    data
        A benchmark in its layout, or a manifest or shards with splits and identities.
    layout
        How the data lies on disk; auto looks.
    variant
        Which split, boxes or test size, where the benchmark has several; its first when not given.
    camera_pattern
        Where paths below query and gallery name the camera: '{camera}/{*}'; the run's own when not given, '' for none.
    identity_pattern
        Where paths below query and gallery name the person: '{identity}/{*}'; the run's own when not given.
    distractors
        What the identity 0 is: zero, the number of distractors; none, a person; auto, as the naming of the data says,
        and a person where it does not and a query has it.
    features
        In place of a run and data: two files, query first, .npz or Parquet, with features, identities and, where known,
        cameras and tracklets.
    protocol
        Whose rules; those of the data, or of Market-1501, when not given.
    average_precision
        The rule: step, or the trapezoid of the Market-1501 toolbox.
    rerank
        Re-rank by k-reciprocal neighbors, in this variant, with k1 20, k2 6, lambda 0.3.
    rerank_memory
        Gigabytes that re-ranking may take.
    expand_queries
        A query takes in so many of its first answers.
    expansion_power
        They count by their similarity to this power; 0 counts all alike.
    queries_in_gallery
        The queries stand in the gallery, too.
    flip
        Average the features of each crop and its mirror image.
    raw
        With --features: rank by Euclidean distance of rows as they are, instead of their directions.
    details
        Also intervals, verification and pairs of cameras.
    occlude
        Also score with this share of every query crop covered by a rectangle, such as 0.3.
    half
        Also score with queries of which only this half is seen.
    seed
        Where the rectangles lie, and what is drawn; the same seed covers the same part of the same crop in every run.
    student
        Score the network that learned, where the method scores its average over training.
    part
        Score vectors of whole images or of patches alone, where the method learned both.
    devices
        Processes that make the features, one per GPU, or sharing the cores.
    json
        Also write the score to this file.
    report
        Also write a page with curves and ranked lists to this file; it holds small copies of the crops.
    quiet
        Show no progress.
    """
    from reseen.errors import SettingsError
    from reseen.files import check_outputs
    from reseen.neighbors import RerankSettings

    check_outputs(json, report)
    common: dict[str, Any] = {
        "average_precision": average_precision,
        "rerank": rerank and RerankSettings.parse({"variant": rerank, "memory": rerank_memory}, "--rerank"),
        "expand_queries": expand_queries,
        "expansion_power": expansion_power,
        "queries_in_gallery": queries_in_gallery,
        "details": details,
        "seed": seed,
    }
    if features is not None:
        given = {
            "a run": run, "--data": data, "--flip": flip, "--occlude": occlude, "--half": half,
            "--student": student, "--part": part, "--variant": variant, "--report": report,
            "--devices": devices if devices > 1 else None,
            "--camera-pattern": camera_pattern, "--identity-pattern": identity_pattern,
        }  # fmt: skip
        useless = [name for name, value in given.items() if value not in (None, False)]
        if useless:
            raise SettingsError(
                f"--features takes the place of a run and its data: leave out {', '.join(useless)}"
            )
        common["distractors"] = distractors
        _evaluate_features(features, protocol or "market", raw, common, json, quiet)
        return
    if run is None or data is None:
        raise SettingsError(
            "give a run folder and --data DIR, or --features QUERY GALLERY; see `reseen evaluate --help`"
        )
    if raw:
        raise SettingsError("--raw is for --features; a run knows whether its features are raw")
    _evaluate_run(
        run,
        _Place(data, layout, variant, camera_pattern, identity_pattern, distractors),
        protocol,
        flip,
        common,
        (occlude, half, student, part),
        devices,
        json,
        report,
        quiet,
    )


class _Place(NamedTuple):
    """What is scored on, and how it is read."""

    data: Path
    layout: str
    variant: str | None
    camera_pattern: str | None
    identity_pattern: str | None
    distractors: Literal["auto", "zero", "none"]


def _evaluate_features(
    files: tuple[Path, Path], protocol: Any, raw: bool, common: dict[str, Any], json: Path | None, quiet: bool
) -> None:
    from rich.console import Console

    from reseen.evaluate.tables import detail_tables, score_table
    from reseen.tasks.evaluation.score_features import score_features

    score = score_features(*files, protocol=protocol, raw=raw, quiet=quiet, say_notes=False, **common)
    console = Console(highlight=False)
    console.print(score_table({files[0].stem: score}))
    for table in detail_tables(score):
        console.print(table)
    if json is not None:
        _write(json, {"features": [str(file) for file in files], **score.to_json(), "seed": common["seed"]})


def _evaluate_run(
    run: Path,
    place: "_Place",
    protocol: Any,
    flip: bool,
    common: dict[str, Any],
    asked: tuple[float | None, Any, bool, Any],
    devices: int,
    json: Path | None,
    report: Path | None,
    quiet: bool,
) -> None:
    from rich.console import Console

    from reseen.data.occlusion import Occlusion
    from reseen.distributed.launch import is_main_process
    from reseen.evaluate.scoring import ScoringOptions
    from reseen.evaluate.tables import detail_tables, score_table
    from reseen.runs.run import open_run
    from reseen.tasks.evaluation.report import report_run
    from reseen.tasks.evaluation.score import domain, patterns_of, read_benchmark, retrieve, with_domain

    occlude, half, student, part = asked
    seed = common["seed"]
    opened = open_run(run)
    occlusions = [Occlusion(share=occlude, seed=seed)] if occlude is not None else []
    occlusions += [Occlusion(half=half, seed=seed)] if half is not None else []
    patterns = patterns_of(opened, place.data, place.layout, place.camera_pattern, place.identity_pattern)
    benchmark = read_benchmark(
        place.data, place.layout, place.variant, patterns=patterns, distractors=place.distractors
    )
    options = ScoringOptions(protocol=protocol or benchmark.protocol, **common)
    retrieval = retrieve(
        opened,
        benchmark,
        options=options,
        occlusions=occlusions,
        student=student,
        part=part,
        mirrored=flip,
        devices=devices,
        quiet=quiet,
    )
    if not is_main_process():
        return
    where = domain(opened, place.data)
    score, hidden = with_domain(retrieval.score(quiet), where), retrieval.occluded_scores()
    console = Console(highlight=False)
    console.print(score_table({run.resolve().name: score, **hidden}, change="change"))
    for table in detail_tables(score, retrieval.query.table.camera_names):
        console.print(table)
    if json is not None:
        record = {
            "run": str(run),
            "rounds": opened.rounds_done,
            **score.to_json(),
            "benchmark": benchmark.name,
            "occluded": {name: covered.to_json() for name, covered in hidden.items()},
            "seed": seed,
            "student": student,
            "part": part,
            "unreadable": retrieval.unreadable,
            "training": opened.summary,
        }
        _write(json, record)
    if report is not None:
        report_run(report, opened, None, retrieval, {run.resolve().name: score}, f"Run {run.resolve().name}")
        console.print(f"Report written to {report}", markup=False, soft_wrap=True)


def _write(file: Path, record: dict[str, Any]) -> None:
    import json

    from rich.console import Console

    from reseen.files import write_text

    write_text(file, json.dumps(record, indent=1) + "\n")
    Console(highlight=False).print(f"Score written to {file}", markup=False, soft_wrap=True)
