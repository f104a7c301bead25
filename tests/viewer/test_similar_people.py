import numpy as np
import pytest
from tests.viewer.conftest import gallery_of_people

from reseen.gallery.edits.journal import Journal
from reseen.viewer.edits.editor import Editor
from reseen.viewer.edits.people_edits import reject_people, update_people
from reseen.viewer.similar_people import SimilarPeople
from reseen.viewer.viewer import Viewer

PEOPLE = 6


@pytest.fixture
def editor(tmp_path):
    made = Editor(Viewer(gallery_of_people(PEOPLE)), Journal(tmp_path / "mends.jsonl"))
    update_people(made, made.viewer.snapshot.version)
    return made


def slow_means(people):
    """Unit means of all people, by id."""
    collection, means = people.collection, {}
    for person in people.all():
        total = collection.vectors[[collection.rows[key] for key in person.keys]].astype(np.float64).sum(0)
        means[person.id] = total / np.linalg.norm(total)
    return means


def agrees(similar, people):
    means = slow_means(people)
    for one, mean in means.items():
        expected = sorted((-(mean @ other), person) for person, other in means.items() if person != one)
        found = similar.like_person(one, PEOPLE)
        assert [candidate.person for candidate in found] == [person for _, person in expected]
        assert [candidate.similarity for candidate in found] == pytest.approx(
            [-value for value, _ in expected], abs=1e-5
        )


def test_people_are_ranked_by_their_means_after_every_edit(editor):
    people, similar = editor.people, SimilarPeople(editor.people)
    agrees(similar, people)
    version = lambda: editor.viewer.snapshot.version
    editor.edit_people(version(), lambda known: known.merge(1, [2]))
    agrees(similar, people)
    editor.undo(version())
    agrees(similar, people)


def test_who_is_somebody_else_is_not_similar(editor):
    similar = SimilarPeople(editor.people)
    best = similar.like_person(1, 1)[0].person
    reject_people(editor, editor.viewer.snapshot.version, 1, best)
    assert similar.separated(1) == {best}
    assert best not in [one.person for one in similar.like_person(1, PEOPLE)]
    assert 1 not in [one.person for one in similar.like_person(best, PEOPLE)]
    assert similar.similarity(1, best) == pytest.approx(similar.similarity(best, 1))


def test_crops_are_compared_with_everybody_they_were_not_rejected_for(editor):
    people, similar = editor.people, SimilarPeople(editor.people)
    outlier = people.collection.keys[0]  # of the first person, in no cluster
    assert similar.nearest_to_crops([outlier])[outlier].person == 1
    assert similar.like_crops([outlier], 1)[0].person == 1
    editor.edit_people(editor.viewer.snapshot.version, lambda known: known.reject([outlier], 1))
    assert 1 not in [one.person for one in similar.like_crops([outlier], PEOPLE)]
    assert similar.nearest_to_crops([]) == {}


def test_nobody_is_like_anybody_without_people(editor):
    editor.undo(editor.viewer.snapshot.version)
    similar = SimilarPeople(editor.people)
    assert similar.mean(1) is None
    assert similar.like_person(1, 3) == []
    assert similar.like_crops([editor.people.collection.keys[0]], 3) == []
    assert similar.nearest_to_crops([editor.people.collection.keys[0]]) == {}
