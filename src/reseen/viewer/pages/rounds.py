"""Rounds page: training curves of the run that the gallery was made with."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from reseen.errors import ReseenError
from reseen.pages.line_charts import charts
from reseen.pages.scores import log_table
from reseen.viewer.templating import ViewerDep, render

router = APIRouter(include_in_schema=False)


@router.get("/rounds")
def rounds(request: Request, viewer: ViewerDep) -> Response:
    """Curves and table of the run's log, or the reason why the run cannot be opened."""
    try:
        with viewer.lock:
            run = viewer.gallery.run
        log, problem = run.log, ""
    except ReseenError as error:
        log, problem = [], str(error)
    notes = [(line["round"], note) for line in log for note in line.get("notes", ())]
    return render(
        request,
        "rounds.html.j2",
        charts=charts(log),
        log=log_table(log),
        count=len(log),
        problem=problem,
        notes=notes,
    )
