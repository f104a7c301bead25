"""The page of results: figures, groups, the literature marked as such, files that do not fit."""

import json
import re
from pathlib import Path
from statistics import mean, stdev

import pytest
from tests.pages.outline import Outline

from reseen.errors import DataError, StorageError
from reseen.evaluate.leaderboard import build_leaderboard, published, read_results, to_markdown
from reseen.pages.leaderboard_page import render_leaderboard, write_leaderboard

COMMITTED = Path(__file__).resolve().parents[3] / "benchmarks" / "results"


def a_result(arm, seed, precision, protocol="market-mini", cameras=True, rounds=5):
    score = {
        "protocol": "market", "mAP": precision, "mINP": precision / 2,
        "cmc": {"1": precision + 0.1, "5": precision + 0.2, "10": precision + 0.3},
    }  # fmt: skip
    return {
        "protocol": protocol, "arm": arm, "text": f"about <{arm}>", "seed": seed, "score": score,
        "rounds": [{}] * rounds, "recipe": {"cameras": cameras}, "commit": f"{seed}abcdef0123456789",
        "command": f"python benchmarks/accuracy.py --arms {arm} --seeds {seed} --data M",
    }  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    made = [
        a_result("low", 0, 0.1), a_result("low", 1, 0.2), a_result("high", 0, 0.5, cameras=False),
        a_result("true-people", 0, 0.9), a_result("start", 0, 0.05, rounds=0), a_result("whole", 0, 0.8, "market"),
    ]  # fmt: skip
    for place, values in enumerate(made):
        (tmp_path / f"{place}.json").write_text(json.dumps(values))
    (tmp_path / "speed.json").write_text(json.dumps({"cases": {}}))
    return tmp_path


@pytest.fixture
def leaderboard(folder):
    return build_leaderboard(*read_results(folder))


def test_arms_are_means_over_seeds_best_first_and_ceilings_last(leaderboard):
    mini = leaderboard.boards[0]
    assert [arm.name for arm in mini.arms] == ["high", "low", "start", "true-people"]
    low = mini.arms[1]
    assert low.figures["mAP"].mean == pytest.approx(100 * mean([0.1, 0.2]))
    assert low.figures["mAP"].deviation == pytest.approx(100 * stdev([0.1, 0.2]))
    assert low.figures["Rank-1"].text == "25.0 ± 7.1"
    assert low.seeds == (0, 1)
    assert low.command == "python benchmarks/accuracy.py --arms low --seeds 0,1 --data M"
    assert mini.arms[0].figures["mAP"].text == "50.0"
    assert [arm.cameras for arm in mini.arms] == [False, True, False, True]
    assert mini.arms[3].ceiling


def test_literature_stands_beside_the_whole_data_set_and_nowhere_else(leaderboard):
    boards = {board.name: board for board in leaderboard.boards}
    assert not boards["market-mini"].literature
    assert "not with published ones" in boards["market-mini"].note
    assert {row.dataset for row in boards["market"].literature} == {"Market-1501"}
    assert "Market-1501" not in boards
    assert boards["MSMT17"].arms == ()
    assert sum(len(board.literature) for board in leaderboard.boards) == len(published())
    assert leaderboard.skipped == ("speed.json",)


def test_every_figure_of_the_literature_has_a_source_and_every_leak_a_correction_and_a_reason():
    for row in published():
        assert row.source
        assert row.mean_average_precision is not None or row.rank_1 is not None
        shown = [row.mean_average_precision, row.rank_1, row.rank_5, row.rank_10]
        assert all(0 < value < 100 for value in shown if value is not None)
        ranks = [value for value in shown[1:] if value is not None]
        assert ranks == sorted(ranks)
        if row.status:
            assert row.note
        if row.status == "leaked":
            assert row.corrected[1] < row.rank_1
        else:
            assert row.corrected == (None, None)


def test_corrected_figures_of_a_leaked_row_are_those_of_its_corrected_row():
    rows = {(row.dataset, row.method): row for row in published()}
    for dataset in ("Market-1501", "DukeMTMC-reID"):
        leaked, corrected = rows[dataset, "BUC, as published"], rows[dataset, "BUC, corrected"]
        assert leaked.corrected == (corrected.mean_average_precision, corrected.rank_1)


def test_both_pages_show_the_same_and_mark_what_is_not_ours(leaderboard):
    markdown, page = to_markdown(leaderboard), render_leaderboard(leaderboard)
    for text in (markdown, page):
        for words in ("25.0 ± 7.1", "ceiling, no result", "not used", "BUC, as published", "leaked", "speed.json",
                      "--seeds 0,1"):  # fmt: skip
            assert words in text
    assert "~~38.3~~ 29.6" in markdown
    assert "<s>38.3</s> 29.6" in page
    assert "published, not measured here" in page
    assert "were not measured here" in markdown
    assert page.count("published, not measured here") == sum(
        bool(board.literature) for board in leaderboard.boards
    )


def test_markdown_tables_are_whole(leaderboard):
    blocks = re.findall(r"(?:^\|.*\n)+", to_markdown(leaderboard), re.MULTILINE)
    assert len(blocks) > 5
    for block in blocks:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}) == 1


def test_the_page_is_self_contained_escaped_and_has_headers(leaderboard):
    page = render_leaderboard(leaderboard)
    outline = Outline(page)
    assert not outline.named("script")
    assert not re.search(r"@import|url\(|https?://", page)
    assert "about &lt;low&gt;" in page
    assert all(values.get("scope") in ("row", "col") for values in outline.named("th"))
    for values in outline.named("a"):
        assert values["href"][1:] in outline.ids


def test_the_committed_results_make_a_page(tmp_path):
    found, skipped = read_results(COMMITTED)
    markdown, page = write_leaderboard(tmp_path / "out", build_leaderboard(found, skipped))
    assert "`cluster-contrast` | 23.4 ± 0.7" in markdown.read_text()
    assert page.stat().st_size > 10_000
    assert len(found) + len(skipped) == len(list(COMMITTED.glob("*.json")))


def test_folders_and_files_that_do_not_fit(tmp_path):
    with pytest.raises(DataError, match="no such folder"):
        read_results(tmp_path / "nowhere")
    with pytest.raises(DataError, match="holds no result"):
        read_results(tmp_path)
    (tmp_path / "a.json").write_text(json.dumps({"arm": "x", "score": {}}))
    with pytest.raises(DataError, match=r"a.json: is not a complete result"):
        read_results(tmp_path)
    (tmp_path / "a.json").write_text('{"arm": ')
    with pytest.raises(DataError, match=r"a.json: cannot be read as JSON"):
        read_results(tmp_path)


def test_a_place_that_cannot_be_written(leaderboard, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError):
        write_leaderboard(tmp_path / "file", leaderboard)


def an_evaluation(seed, **values):
    training = {
        "method": "sphere", "seed": seed, "cameras": 3, "rounds": 4, "data": "D", "command": f"reseen train {seed}",
        "recipe": {"seed": seed, "train": {"rounds": 4}},
    }  # fmt: skip
    rules = {
        "re_ranking": "zhong",
        "query_expansion": "none",
        "mirrored_features": True,
        "domain": "cross-domain",
    }
    return {
        "protocol": "market", "queries": 1200, "gallery": 5000, "mAP": 0.5, "mINP": 0.25,
        "cmc": {"1": 0.6, "5": 0.7, "10": 0.8}, "rules": rules, "training": {**training, **values},
    }  # fmt: skip


def test_files_of_evaluate_are_arms_by_settings_and_rules_and_no_ceilings(tmp_path):
    made = [an_evaluation(0), an_evaluation(1), an_evaluation(0, recipe={"seed": 0, "train": {"rounds": 5}})]
    made.append(an_evaluation(0, rounds=0, data="E"))
    for place, values in enumerate(made):
        (tmp_path / f"{place}.json").write_text(json.dumps(values))
    board = next(iter(build_leaderboard(*read_results(tmp_path)).boards))
    assert board.name == "market, 1,200 queries, 5,000 gallery images"
    assert sorted(arm.seeds for arm in board.arms) == [(0,), (0,), (0, 1)]
    assert [arm.cameras for arm in board.arms].count(False) == 1  # the one that was not trained
    for arm in board.arms:
        assert arm.name.startswith("sphere · re ranking zhong · mirrored yes · cross-domain · ")
        assert arm.figures["mAP"].text == "50.0" + (" ± 0.0" if len(arm.seeds) > 1 else "")
        assert not arm.ceiling
