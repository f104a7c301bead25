"""Questions on pairs of crops of the gallery, and the calibration that their answers give."""

from collections.abc import Sequence
from dataclasses import dataclass

from reseen.audit import Calibration
from reseen.audit.answers import Verdict
from reseen.gallery.edits.edit import PairAnswer
from reseen.gallery.question_pool import QuestionPool, question_answers
from reseen.viewer.edits.editor import EditError, Editor
from reseen.viewer.viewer import Viewer


@dataclass(frozen=True)
class QuestionState:
    """The next question and what the answers so far give."""

    version: int
    """Version of the snapshot that an answer refers to."""
    pair: tuple[int, int] | None
    """Rows of the two crops; None if there is nothing left to ask."""
    calibration: Calibration | None
    """None without sure answers."""
    sure: int
    """Number of answers `same` and `different` on crops of the gallery."""
    unsure: int
    """Number of answers `unsure`."""


class Questions:
    """Questions about a gallery. Answers are edits of `Editor`, so that they can be undone and outlive a crash."""

    def __init__(self, viewer: Viewer, editor: Editor) -> None:
        self._viewer, self._editor = viewer, editor
        self._pool: QuestionPool | None = None
        self._calibrated = self._answers()

    def state(self) -> QuestionState:
        """The next question for the current clusters and answers; the same until one of them changes."""
        with self._viewer.lock:
            pool, answers = self._current_pool(), self._answers()
            verdicts = list(pool.verdicts(answers).values())
            unsure = verdicts.count("unsure")
            return QuestionState(
                self._viewer.snapshot.version,
                pool.next_pair(answers),
                pool.calibrate(answers),
                len(verdicts) - unsure,
                unsure,
            )

    def answer(self, version: int, keys: Sequence[str], verdict: Verdict) -> None:
        """Record the answer to the current question.

        Raises:
            StaleError: the clusters have changed since `version`.
            EditError: the two crops are not those of the current question.
            StorageError: the journal or the calibration cannot be written.
        """
        with self._viewer.lock:
            pair, known = self.state().pair, self._viewer.snapshot.collection.keys
            if version == self._viewer.snapshot.version and (
                pair is None or sorted(keys) != sorted(known[row] for row in pair)
            ):
                raise EditError("these crops are not those of the current question; reload the page")
            self._editor.answer(version, keys, verdict)

    def on_change(self) -> None:
        """Calibrate the gallery again if an answer was given, undone or redone; a callback for `Editor.on_change`."""
        with self._viewer.lock:
            answers = self._answers()
            if answers == self._calibrated:
                return
            self._viewer.gallery.recalibrate(self._current_pool().calibrate(answers))
            self._calibrated = answers

    def _current_pool(self) -> QuestionPool:
        collection = self._viewer.snapshot.collection
        if self._pool is None or self._pool.collection is not collection:
            self._pool = QuestionPool(collection, self._pool)
        return self._pool

    def _answers(self) -> list[PairAnswer]:
        return question_answers(self._editor.done)
