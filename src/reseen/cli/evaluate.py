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
    center_cameras: bool = True,
    raw: bool = False,
    details: bool = True,
    occlude: float | None = None,
    half: Literal["upper", "lower"] | None = None,
    seed: int = 0,
    student: bool = False,
    part: Literal["both", "global", "patch"] | None = None,
    baseline: str | None = None,
    devices: int = 1,
    json: Path | None = None,
    report: Path | None = None,
    quiet: bool = False,
) -> None:
    """Evaluate the last round of a run, or precomputed features, on query and gallery.

    Parameters
    ----------
    run
        A run folder.
    data
        A benchmark in its published layout, or a manifest or shards with splits and identities.
    layout
        Layout on disk; auto detects it.
    variant
        Variant of the benchmark (split, boxes or test size); default: its first.
    camera_pattern
        Where paths below query and gallery name the camera: '{camera}/{*}'; default: the run's own; '': no cameras.
    identity_pattern
        Where paths below query and gallery name the person: '{identity}/{*}'; default: the run's own.
    distractors
        Meaning of identity 0. zero: distractors; none: a person; auto: by the file names of the data set, and where
        they do not tell, a person if a query has it.
    features
        Instead of a run and --data: two files, query then gallery, .npz or Parquet, with features, identities and
        optionally cameras and tracklets.
    protocol
        Evaluation protocol; default: that of the data set, or market.
    average_precision
        step, or trapezoid as in the Market-1501 toolbox.
    rerank
        Variant of k-reciprocal re-ranking (k1 20, k2 6, lambda 0.3); default: no re-ranking.
    rerank_memory
        Memory limit of re-ranking, in gigabytes.
    expand_queries
        Query expansion over the top N results.
    expansion_power
        Weight the results by similarity to this power (alpha query expansion); 0: unweighted average.
    queries_in_gallery
        Include queries in the gallery.
    flip
        Average the features of each crop and its mirror image.
    center_cameras
        Also evaluate with the mean of its camera subtracted from every vector, where cameras are known and used.
    raw
        With --features: rank by Euclidean distance, without normalizing the features.
    details
        Also report confidence intervals, verification rates and a matrix of camera pairs.
    occlude
        Also evaluate with this share of every query crop covered by a rectangle, such as 0.3.
    half
        Also evaluate with only this half of every query crop visible.
    seed
        Random seed of occlusions, sampled galleries and bootstrap; the same seed occludes a crop alike in every run.
    student
        Evaluate the student network, where the method evaluates its momentum teacher.
    part
        Evaluate only global or only patch embeddings, where the method learns both.
    baseline
        Also evaluate another run folder, or untrained, the weights that the run started with, and say whether the run
        is better, query by query.
    devices
        Number of processes for feature extraction, one per GPU; on a CPU they share the cores.
    json
        Also write the score to this JSON file.
    report
        Also write an HTML report with curves and ranked lists; it embeds thumbnails of crops.
    quiet
        Hide progress.
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
        run_options = {
            "a run": run, "--data": data, "--flip": flip, "--occlude": occlude, "--half": half,
            "--student": student, "--part": part, "--variant": variant, "--report": report, "--baseline": baseline,
            "--devices": devices if devices > 1 else None,
            "--camera-pattern": camera_pattern, "--identity-pattern": identity_pattern,
        }  # fmt: skip
        conflicting = [name for name, value in run_options.items() if value not in (None, False)]
        if conflicting:
            raise SettingsError(f"--features replaces a run and its data: leave out {', '.join(conflicting)}")
        common["distractors"] = distractors
        _evaluate_features(features, protocol or "market", raw, common, json, quiet)
        return
    if run is None or data is None:
        raise SettingsError(
            "give a run folder and --data DIR, or --features QUERY GALLERY; see `reseen evaluate --help`"
        )
    if raw:
        raise SettingsError("--raw needs --features; a run records whether its features are raw")
    _evaluate_run(
        run,
        _DataOptions(data, layout, variant, camera_pattern, identity_pattern, distractors),
        protocol,
        flip,
        common,
        (occlude, half, student, part),
        baseline,
        center_cameras,
        devices,
        json,
        report,
        quiet,
    )


class _DataOptions(NamedTuple):
    """The data to evaluate on, and how to read it."""

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
    source: "_DataOptions",
    protocol: Any,
    flip: bool,
    common: dict[str, Any],
    variations: tuple[float | None, Any, bool, Any],
    baseline: str | None,
    center_cameras: bool,
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
    from reseen.tasks.comparison.compare import retrieve_baseline, score_baseline
    from reseen.tasks.comparison.comparison_table import paired_sentence
    from reseen.tasks.evaluation.domain import domain, with_domain
    from reseen.tasks.evaluation.report import report_run, verdict_sentences
    from reseen.tasks.evaluation.score import patterns_of, read_benchmark, retrieve

    occlude, half, student, part = variations
    seed = common["seed"]
    opened = open_run(run)
    occlusions = [Occlusion(share=occlude, seed=seed)] if occlude is not None else []
    occlusions += [Occlusion(half=half, seed=seed)] if half is not None else []
    patterns = patterns_of(opened, source.data, source.layout, source.camera_pattern, source.identity_pattern)
    benchmark = read_benchmark(
        source.data, source.layout, source.variant, patterns=patterns, distractors=source.distractors
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
    others = None
    if baseline is not None:
        others = retrieve_baseline(
            baseline, opened, benchmark, retrieval, student=student, part=part, devices=devices, quiet=quiet
        )
    if not is_main_process():
        return
    score = with_domain(retrieval.score(quiet), domain(opened, source.data))
    compared = None if others is None else score_baseline(*others, retrieval, score, quiet)
    occluded, why_not = retrieval.occluded_scores(), retrieval.why_not_centered
    console = Console(highlight=False)
    name = run.resolve().name
    if compared is not None:
        console.print(score_table({compared.name: compared.score, name: score}))
        console.print(paired_sentence(compared.name, name, compared.paired), markup=False, soft_wrap=True)
    if compared is None or occluded:
        console.print(score_table({name: score, **occluded}, change="change"))
    centered = None
    if center_cameras and not why_not:
        centered = with_domain(retrieval.centered().score(quiet), domain(opened, source.data))
        console.print(
            score_table({"plain": score, "cameras centered": centered}, "Camera centering", "change")
        )
    for table in detail_tables(score, retrieval.query.table.camera_names):
        console.print(table)
    if json is not None:
        record = {
            "run": str(run),
            "rounds": opened.rounds_done,
            **score.to_json(),
            "benchmark": benchmark.name,
            "camera_centered": None if centered is None else centered.to_json(),
            "why_not_centered": why_not if center_cameras else "not asked for",
            "occluded": {name: value.to_json() for name, value in occluded.items()},
            "seed": seed,
            "student": student,
            "part": part,
            "baseline": None if compared is None else compared.to_json(),
            "unreadable": retrieval.unreadable,
            "training": opened.summary,
            "without_labels": verdict_sentences(opened),
        }
        _write(json, record)
    if report is not None:
        scores = {name: score} if compared is None else {compared.name: compared.score, name: score}
        report_run(report, opened, None, retrieval, scores, f"Run {name}")
        console.print(f"Report written to {report}", markup=False, soft_wrap=True)


def _write(file: Path, record: dict[str, Any]) -> None:
    import json

    from rich.console import Console

    from reseen.files import write_text

    write_text(file, json.dumps(record, indent=1) + "\n")
    Console(highlight=False).print(f"Score written to {file}", markup=False, soft_wrap=True)
