import pytest

from reseen.cli.data_fetch import fetch
from reseen.datasets import DATASETS, Layout
from reseen.errors import SettingsError


def said(capsys):
    return " ".join(capsys.readouterr().out.split())


def test_every_benchmark_is_listed_with_its_page_and_terms(capsys):
    fetch()
    text = said(capsys)
    for dataset in DATASETS.values():
        if dataset.access != "own":
            assert f"{dataset.layout} {dataset.title}: {dataset.size}" in text
            assert dataset.terms in text
            assert dataset.access == "withdrawn" or f"where {dataset.page}" in text
    assert "reseen downloads none of these" in text


@pytest.mark.parametrize("layout", list(DATASETS))
def test_all_about_one(capsys, layout):
    fetch(str(layout))
    text = said(capsys)
    dataset = DATASETS[layout]
    assert dataset.title in text
    assert "reseen data check DIRECTORY" in text
    for split, counts in dataset.variants[0].published.items():
        assert f"{split}: " in text
        assert all(f"{value:,} {quantity}" in text for quantity, value in counts.items())


def test_withdrawn_data_names_what_to_take_instead_and_no_address(capsys):
    fetch("dukemtmc-reid")
    text = said(capsys)
    assert "withdrawn by its authors" in text
    assert "MSMT17 or Market-1501" in text
    assert "http" not in text


def test_a_misspelt_name_is_suggested():
    with pytest.raises(SettingsError, match="no data set 'mars1'; did you mean 'mars'"):
        fetch("mars1")
    assert Layout.FOLDER not in DATASETS
