import pytest

from reseen.text import parse_spreadsheet_cell, printable, spreadsheet_cell


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("crops/a b.jpg", "crops/a b.jpg"),
        ("\x1b[31mred\x07", r"\x1b[31mred\x07"),
        ("a\nb\r\t", r"a\nb\r\t"),
        ("a\x9bb\x7f", r"a\x9bb\x7f"),
        ("gpj.\u202egnp", r"gpj.\u202egnp"),
        ("a\udcffb\ud800", r"a\xffb\ud800"),
        ("Größe 图", "Größe 图"),
    ],
)
def test_a_name_cannot_steer_a_terminal(name, shown):
    assert printable(name) == shown


@pytest.mark.parametrize("name", ["=HYPERLINK(1)", "+1+1", "-a", "@sum", "\t=1", "\r", "'=1", "''=1"])
def test_a_name_that_spreadsheets_would_run_is_marked_and_read_again(name):
    cell = spreadsheet_cell(name)
    assert cell == f"'{name}"
    assert parse_spreadsheet_cell(cell) == name


@pytest.mark.parametrize("name", ["", "a=1.jpg", "-1", "+2.5", "'a", "a'b"])
def test_other_names_and_numbers_stay(name):
    assert spreadsheet_cell(name) == name
    assert parse_spreadsheet_cell(name) == name
