"""`reseen audit`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def audit(
    run: Path,
    *,
    data: Path,
    baseline: str | None = None,
    views: int = 1,
    verify: Path | None = None,
    answers: Annotated[list[Path] | None, Parameter(negative=())] = None,
    questions: int = 200,
    false_matches: float = 0.1,
    seed: int = 0,
    camera_pattern: str | None = None,
    json: Path | None = None,
    feature_cache: float = 4.0,
    quiet: bool = False,
) -> None:
    """Estimate the quality of a run without labels, and calibrate its similarity threshold from answers.

    Reads no identities. Writes audit.json into the run folder.

    Parameters
    ----------
    run
        A run folder.
    data
        A folder of crops or a manifest.
    baseline
        What the run is compared with: another run folder, or untrained, the weights it started with; default:
        untrained.
    views
        Number of augmented views of every crop to cluster as well, to measure stability.
    verify
        Also write a page of pairs and groups for a human annotator to this file, such as pairs.html.
    answers
        A file of answers saved from that page; gives precision, recall and threshold. Answered pairs are not asked
        again. Repeatable.
    questions
        Number of questions on the page; about 200 give precision within 9 points and recall within 20.
    false_matches
        With answers: the share of the pairs at or above the threshold that may show different people.
    seed
        Random seed of views and questions.
    camera_pattern
        Where paths name the camera; default: the run's own pattern; empty: no cameras.
    json
        Also write the audit to this JSON file.
    feature_cache
        Size limit, in gigabytes, of the cache of features, so that other commands need not embed the same crops again;
        0: no cache.
    quiet
        Hide progress.
    """
    from json import dumps

    from rich.console import Console

    from reseen.files import check_outputs, write_text
    from reseen.tasks.audit.audit import AUDIT, audit_run
    from reseen.tasks.audit.audit_table import audit_table, sentences, verdict_sentences

    check_outputs(json)
    audited = audit_run(
        run,
        data,
        baseline=baseline,
        views=views,
        answers=answers or (),
        verify_page=verify,
        questions=questions,
        false_matches=false_matches,
        seed=seed,
        camera_pattern=camera_pattern,
        feature_cache=feature_cache,
        quiet=quiet,
    )
    console = Console(highlight=False)
    for sentence in verdict_sentences(audited):
        console.print(sentence, markup=False, soft_wrap=True)
    console.print(audit_table(audited))
    for sentence in sentences(audited):
        console.print(sentence, markup=False)
    console.print(f"Written to {run / AUDIT}", markup=False, soft_wrap=True)
    if json is not None:
        write_text(json, dumps(audited.to_json(), indent=1) + "\n")
    if audited.page is not None:
        console.print(
            f"Open {audited.page} in a browser, answer, save answers.csv, then: reseen audit {run} --data {data} "
            "--answers answers.csv",
            markup=False,
            soft_wrap=True,
        )
