"""`reseen audit`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def audit(
    run: Path,
    *,
    data: Path,
    views: int = 1,
    verify: Path | None = None,
    answers: Annotated[list[Path] | None, Parameter(negative=())] = None,
    questions: int = 200,
    seed: int = 0,
    camera_pattern: str | None = None,
    quiet: bool = False,
) -> None:
    """Say how good a run is without labels, and which similarity means one person.

    Reads no identities. Writes audit.json into the run folder.

    Parameters
    ----------
    run
        A run folder.
    data
        The folder of crops or the manifest.
    views
        Other views of every crop that are clustered too, to see how stable clusters are.
    verify
        Also write a page of pairs and groups for a person to answer, such as pairs.html.
    answers
        A file that such a page saved; gives precision and recall, and is not asked again. May be given again.
    questions
        How many questions the page asks; about 200 tell precision within 9 points and recall within 20.
    seed
        What views and questions are drawn with.
    camera_pattern
        Where a bare folder names its cameras; the run's own pattern when not given, none when empty.
    quiet
        Show no progress.
    """
    from rich.console import Console

    from reseen.tasks.audit.audit import AUDIT, audit_run
    from reseen.tasks.audit.audit_table import audit_table, sentences

    done = audit_run(
        run,
        data,
        views=views,
        answers=answers or (),
        verify_page=verify,
        questions=questions,
        seed=seed,
        camera_pattern=camera_pattern,
        quiet=quiet,
    )
    console = Console(highlight=False)
    console.print(audit_table(done))
    for sentence in sentences(done):
        console.print(sentence, markup=False)
    console.print(f"Written to {run / AUDIT}", markup=False, soft_wrap=True)
    if done.page is not None:
        console.print(
            f"Open {done.page} in a browser, answer, save answers.csv, then: reseen audit {run} --data {data} "
            "--answers answers.csv",
            markup=False,
            soft_wrap=True,
        )
