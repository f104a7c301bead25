"""Mending by a program, under the same rules as by a person."""

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from reseen.viewer.collection import NOISE
from reseen.viewer.edits.editor import EditError
from reseen.viewer.templating import ThisMender

router = APIRouter()


class Wanted(BaseModel):
    """A mend that is asked for."""

    do: Literal["merge", "split", "move", "out", "same", "different", "undo", "redo"]
    version: int
    """The version of the gallery that the caller has seen."""
    clusters: list[int] = Field(default=[], max_length=1000)
    """Which to merge."""
    crops: list[str] = Field(default=[], max_length=100_000)
    """Keys, for everything else."""
    to: int | None = None
    """Where to move them."""


class Done(BaseModel):
    """What followed."""

    version: int
    """The version after it."""
    cluster: int | None
    """The cluster that was made or grew."""


class Mended(BaseModel):
    """A mend in force."""

    kind: str
    time: str
    words: str


class Said(BaseModel):
    """Files of answers for training and audit."""

    mends: list[Mended]
    files: list[str]


@router.get("/mends")
def mends(editor: ThisMender) -> Said:
    """What was done so far, the first mend first, and where training finds it."""
    done = [Mended(kind=edit.kind, time=edit.time, words=edit.words) for edit in editor.done]
    return Said(mends=done, files=[str(file) for file in editor.files])


@router.post("/mends")
def mend(editor: ThisMender, wanted: Wanted) -> Done:
    """Mend; 409 where the gallery has another version by now, and nothing is done."""
    cluster: int | None = None
    match wanted.do:
        case "merge":
            cluster = editor.merge(wanted.version, wanted.clusters)
        case "split":
            cluster = editor.split(wanted.version, wanted.crops)
        case "move":
            if wanted.to is None:
                raise EditError("say where to move them: to")
            cluster = editor.move(wanted.version, wanted.crops, wanted.to)
        case "out":
            editor.move(wanted.version, wanted.crops, NOISE)
        case "same":
            editor.same(wanted.version, wanted.crops)
        case "different":
            editor.different(wanted.version, wanted.crops)
        case "undo":
            editor.undo(wanted.version)
        case "redo":
            editor.redo(wanted.version)
    return Done(version=editor.viewer.now.version, cluster=cluster)
