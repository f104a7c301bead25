"""`reseen evaluate`."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

if TYPE_CHECKING:
    from reseen import RetrievalScore
    from reseen.tasks.evaluation.evaluate import Evaluation


def evaluate(
    run: Path | None = None,
    *,
    data: Path | None = None,
    layout: str = "auto",
    variant: str | None = None,
    camera_pattern: str | None = None,
    identity_pattern: str | None = None,
    distractors: Literal["auto", "zero", "none"] = "auto",
    features: Annotated[tuple[Path, Path] | None, Parameter(negative=())] = None,
    protocol: Literal["market", "cuhk03-new", "cuhk03-classic", "vehicleid", "video"] | None = None,
    average_precision: Literal["step", "trapezoid"] = "step",
    rerank: Literal["zhong", "faiss"] | None = None,
    rerank_memory: float = 2.0,
    expand_queries: int | None = None,
    expansion_power: float = 0.0,
    queries_in_gallery: bool = False,
    flip: bool = False,
    whiten: bool = True,
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
    feature_cache: float = 4.0,
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
    whiten
        Whiten the features, if the run was trained with `train.whiten`.
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
    feature_cache
        Size limit, in gigabytes, of the cache of features, so that other commands need not embed the same crops again;
        0: no cache.
    quiet
        Hide progress.
    """
    from reseen.distributed.launch import is_main_process
    from reseen.errors import SettingsError
    from reseen.files import check_outputs
    from reseen.tasks.evaluation.evaluate import EvaluationSettings, evaluate_run
    from reseen.tasks.evaluation.score_features import score_features

    check_outputs(json, report)
    reranking = rerank and {"variant": rerank, "memory": rerank_memory}
    if features is not None:
        _refuse_beside_features(
            {
                "a run": run, "--data": data, "--flip": flip, "--no-whiten": not whiten, "--occlude": occlude,
                "--half": half, "--student": student, "--part": part, "--variant": variant, "--report": report,
                "--baseline": baseline, "--devices": devices if devices > 1 else None,
                "--camera-pattern": camera_pattern, "--identity-pattern": identity_pattern,
            }
        )  # fmt: skip
        score = score_features(
            *features,
            protocol=protocol or "market",
            average_precision=average_precision,
            queries_in_gallery=queries_in_gallery,
            expand_queries=expand_queries,
            expansion_power=expansion_power,
            rerank=reranking,
            raw=raw,
            distractors=distractors,
            details=details,
            seed=seed,
            quiet=quiet,
            say_notes=False,
        )
        _print_score(features[0].stem, score)
        if json is not None:
            _write(json, {"features": [str(file) for file in features], **score.to_json(), "seed": seed})
        return
    if run is None or data is None:
        raise SettingsError(
            "give a run folder and --data DIR, or --features QUERY GALLERY; see `reseen evaluate --help`"
        )
    if raw:
        raise SettingsError("--raw needs --features; a run records whether its features are raw")
    settings = EvaluationSettings(
        layout=layout,
        variant=variant,
        camera_pattern=camera_pattern,
        identity_pattern=identity_pattern,
        distractors=distractors,
        protocol=protocol,
        average_precision=average_precision,
        rerank=reranking,
        expand_queries=expand_queries,
        expansion_power=expansion_power,
        queries_in_gallery=queries_in_gallery,
        mirrored=flip,
        whitened=whiten,
        center_cameras=center_cameras,
        details=details,
        occlude=occlude,
        half=half,
        seed=seed,
        student=student,
        part=part,
        baseline=baseline,
    )
    evaluation = evaluate_run(run, data, settings, devices=devices, feature_cache=feature_cache, quiet=quiet)
    if is_main_process():
        _print_evaluation(evaluation)
        if json is not None:
            _write(json, evaluation.to_json())
        if report is not None:
            evaluation.write_report(report)
            _print_line(f"Report written to {report}")


def _refuse_beside_features(given: Mapping[str, object]) -> None:
    from reseen.errors import SettingsError

    conflicting = [name for name, value in given.items() if value not in (None, False)]
    if conflicting:
        raise SettingsError(f"--features replaces a run and its data: leave out {', '.join(conflicting)}")


def _print_score(name: str, score: "RetrievalScore") -> None:
    from rich.console import Console

    from reseen.tasks.evaluation.tables import detail_tables, score_table

    console = Console(highlight=False)
    console.print(score_table({name: score}))
    for table in detail_tables(score):
        console.print(table)


def _print_evaluation(evaluation: "Evaluation") -> None:
    """Tables of the scores, of the baseline, of camera centering and of the details."""
    from rich.console import Console

    from reseen.tasks.comparison.compare import paired_sentence
    from reseen.tasks.evaluation.tables import detail_tables, score_table

    console = Console(highlight=False)
    name, score, baseline = evaluation.name, evaluation.score, evaluation.baseline
    if baseline is not None:
        console.print(score_table({baseline.name: baseline.score, name: score}))
        console.print(paired_sentence(baseline.name, name, baseline.paired), markup=False, soft_wrap=True)
    if baseline is None or evaluation.occluded:
        console.print(score_table({name: score, **evaluation.occluded}, change="change"))
    if evaluation.centered is not None:
        sides = {"plain": score, "cameras centered": evaluation.centered}
        console.print(score_table(sides, "Camera centering", "change"))
    for table in detail_tables(score, evaluation.retrieval.query.table.camera_names):
        console.print(table)


def _print_line(text: str) -> None:
    from rich.console import Console

    Console(highlight=False).print(text, markup=False, soft_wrap=True)


def _write(file: Path, record: dict[str, Any]) -> None:
    import json

    from reseen.files import write_text

    write_text(file, json.dumps(record, indent=1) + "\n")
    _print_line(f"Score written to {file}")
