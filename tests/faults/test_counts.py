"""The counts in the documentation are those in the file of results, and say that everything was survived."""

from benchmarks.faulting.formats import FORMATS, STRUCTURED
from benchmarks.faulting.works import WORKS
from benchmarks.faults import KINDS, RESULTS, read, table
from tests.house.source import PROJECT


def test_the_table_on_the_page_is_that_of_the_results():
    page = (PROJECT / "docs" / "reliability.md").read_text(encoding="utf-8")
    assert table(read(RESULTS)) in page


def test_every_kind_was_tried_and_every_fault_survived():
    found = read(RESULTS)
    assert set(found) == set(KINDS)
    assert len(KINDS) == len(FORMATS) + len(STRUCTURED) + 2 * len(WORKS)
    assert [kind for kind, counts in found.items() if not 0 < counts.injected == counts.survived] == []
