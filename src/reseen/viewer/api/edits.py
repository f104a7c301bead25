"""API of cluster edits, with the same rules as in the browser."""

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from reseen.gallery.collection import NOISE
from reseen.viewer.edits.editor import EditError
from reseen.viewer.templating import EditorDep

router = APIRouter()


class EditRequest(BaseModel):
    """An edit to make."""

    do: Literal["merge", "split", "move", "out", "same", "different", "undo", "redo"]
    version: int
    """Version of the gallery that the edit refers to."""
    clusters: list[int] = Field(default=[], max_length=1000)
    """Numbers of the clusters to merge."""
    crops: list[str] = Field(default=[], max_length=100_000)
    """Keys of crops, for all other edits."""
    to: int | None = None
    """Number of the cluster to move the crops to."""


class EditResult(BaseModel):
    """The result of an edit."""

    version: int
    """Version of the gallery after the edit."""
    cluster: int | None
    """Number of the cluster that was created or extended."""


class EditFacts(BaseModel):
    """An edit in effect."""

    kind: str
    time: str
    words: str


class EditLog(BaseModel):
    """Edits in effect, and the answer files for training and audit."""

    mends: list[EditFacts]
    """Edits, oldest first."""
    files: list[str]


@router.get("/edits")
def list_edits(editor: EditorDep) -> EditLog:
    """Edits in effect, oldest first, and the answer files for training and audit."""
    edits = [EditFacts(kind=edit.kind, time=edit.time, words=edit.words) for edit in editor.done]
    return EditLog(mends=edits, files=[str(file) for file in editor.files])


@router.post("/edits")
def apply_edit(editor: EditorDep, edit: EditRequest) -> EditResult:
    """Edit clusters. Responds with 409, without a change, if `version` is not the current one."""
    cluster: int | None = None
    match edit.do:
        case "merge":
            cluster = editor.merge(edit.version, edit.clusters)
        case "split":
            cluster = editor.split(edit.version, edit.crops)
        case "move":
            if edit.to is None:
                raise EditError("to: the number of the target cluster is missing")
            cluster = editor.move(edit.version, edit.crops, edit.to)
        case "out":
            editor.move(edit.version, edit.crops, NOISE)
        case "same":
            editor.mark_same(edit.version, edit.crops)
        case "different":
            editor.mark_different(edit.version, edit.crops)
        case "undo":
            editor.undo(edit.version)
        case "redo":
            editor.redo(edit.version)
    return EditResult(version=editor.viewer.snapshot.version, cluster=cluster)
