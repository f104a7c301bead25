"""`reseen report` on what `reseen evaluate --json` wrote."""

import json

from tests.conftest import SEED


def test_scores_of_runs_become_a_page(reseen_says, trained, crowd, tmp_path):
    folder = tmp_path / "results"
    folder.mkdir()
    for place, flags in enumerate(((), ("--flip", "--rerank", "zhong"))):
        out_file = folder / f"{place}.json"
        code, _, err = reseen_says(
            "evaluate", trained, "--data", crowd, "--json", out_file, "--quiet", *flags
        )
        assert code == 0, err
    other_seed = json.loads((folder / "0.json").read_text())
    other_seed["training"]["seed"] = other_seed["training"]["recipe"]["seed"] = SEED + 7
    (folder / "other.json").write_text(json.dumps(other_seed))
    code, out, err = reseen_says("report", folder)
    assert code == 0, err
    assert "3 results in 2 rows" in out
    text = (folder / "leaderboard.md").read_text()
    assert "cluster-contrast · re ranking zhong, k1 20, k2 6, lambda 0.3 · mirrored yes" in text
    assert f"| {SEED}, {SEED + 7} |" in text
    assert (folder / "leaderboard.html").is_file()


def test_a_folder_without_results_is_a_fault(fault, tmp_path):
    assert "holds no result" in fault("report", tmp_path)
