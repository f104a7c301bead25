"""The page of data sets says what the table says."""

from pathlib import Path

import pytest

from reseen.datasets import DATASETS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "datasets.md").read_text(encoding="utf-8")
BENCHMARKS = [layout for layout, dataset in DATASETS.items() if dataset.access != "own"]


@pytest.mark.parametrize("layout", BENCHMARKS)
def test_every_benchmark_is_on_the_page_with_its_place_and_terms(layout):
    dataset = DATASETS[layout]
    lines = [line for line in PAGE.splitlines() if f"| `{layout}` |" in line]
    assert len(lines) == 2
    assert all(text in lines[0] for text in (dataset.title, dataset.size, dataset.terms))
    assert dataset.access == "withdrawn" or dataset.page in lines[0]
    assert f"`{dataset.variants[0].name}`" in lines[1] or len(dataset.variants) == 1
    if dataset.splits is not None and layout != "randperson":
        assert all(variant.protocol in lines[1] for variant in dataset.variants)


def test_the_page_of_own_data_has_every_other_layout():
    page = (Path(__file__).resolve().parents[2] / "docs" / "data.md").read_text(encoding="utf-8")
    for layout, dataset in DATASETS.items():
        assert dataset.access != "own" or f"| `{layout}` |" in page
