"""How the run that made the gallery learned, round by round."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from reseen.errors import ReseenError
from reseen.pages.line_charts import charts
from reseen.pages.scores import log_table
from reseen.viewer.templating import ThisViewer, show

router = APIRouter(include_in_schema=False)


@router.get("/rounds")
def rounds(request: Request, viewer: ThisViewer) -> Response:
    """Curves and numbers of the run's log; a sentence where the run is gone."""
    try:
        with viewer.lock:
            run = viewer.gallery.run
        log, gone = run.log, ""
    except ReseenError as error:
        log, gone = [], str(error)
    notes = [(line["round"], note) for line in log for note in line.get("notes", ())]
    return show(
        request,
        "rounds.html.j2",
        charts=charts(log),
        log=log_table(log),
        count=len(log),
        gone=gone,
        notes=notes,
    )
