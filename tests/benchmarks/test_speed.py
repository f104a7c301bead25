"""Timings of one case never replace those of all."""

from benchmarks import speed


def test_each_choice_of_cases_has_a_file_of_its_own():
    files = [speed.default_file(cases) for cases in (None, [], ["knn"], ["knn", "evaluation"])]
    names = [file.name for file in files]
    assert names == ["speed.json", "speed.json", "speed-knn.json", "speed-knn-evaluation.json"]
    assert {file.parent for file in files} == {speed.RESULTS}
