from statistics import median

import pytest
from tests.house.source import PACKAGE, source_files

MOST_LINES = 300
MOST_LINES_OF_THE_MEDIAN = 120


def lines(path):
    return len(path.read_text(encoding="utf-8").splitlines())


@pytest.mark.parametrize("path", source_files(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_file_is_read_in_one_sitting(path):
    assert lines(path) <= MOST_LINES


def test_half_of_the_files_are_short():
    assert median(map(lines, source_files())) <= MOST_LINES_OF_THE_MEDIAN
