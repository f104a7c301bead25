"""The leaderboard as Markdown."""

from collections.abc import Sequence

from reseen.evaluate.leaderboard.boards import FIGURES, Arm, Board, Leaderboard
from reseen.evaluate.leaderboard.literature import Published

HONESTY = (
    "Ours: percent, mean ± standard deviation over seeds, of the last round. Published figures were not measured here, "
    "see the source of each row; many are of the round with the best test score, and many methods use camera labels in "
    "the sampler."
)


def to_markdown(leaderboard: Leaderboard) -> str:
    """The leaderboard as a Markdown document."""
    parts = ["# Leaderboard", HONESTY]
    for board in leaderboard.boards:
        parts += [f"## {board.name}", board.note]
        if board.arms:
            parts += [_ours(board.arms), _commands(board)]
        if board.literature:
            parts += ["### Literature", _literature(board.literature)]
    if leaderboard.skipped:
        parts.append(f"Files without a result: {', '.join(leaderboard.skipped)}.")
    return "\n\n".join(parts) + "\n"


def _ours(arms: Sequence[Arm]) -> str:
    rows = [
        [
            f"`{arm.name}`" + (" (ceiling, no result)" if arm.ceiling else ""),
            *(arm.figures[name].text for name in FIGURES),
            ", ".join(map(str, arm.seeds)),
            "used" if arm.cameras else "not used",
            arm.rounds,
        ]
        for arm in arms
    ]
    return _table(["Arm", *FIGURES, "Seeds", "Cameras", "Last round"], rows)


def _commands(board: Board) -> str:
    lines = "\n".join(f"{arm.command}  # {', '.join(arm.commits) or 'no commit noted'}" for arm in board.arms)
    return f"```sh\n{lines}\n```"


def _literature(rows: Sequence[Published]) -> str:
    cells = [
        [
            f"{row.method} ({row.year})" if row.year else row.method,
            row.setting,
            _figure(row.mean_average_precision, row.corrected[0], row.status),
            _figure(row.rank_1, row.corrected[1], row.status),
            row.cameras,
            row.backbone,
            " ".join(
                text for text in (f"**{row.status}**: {row.note}." if row.status else row.note,) if text
            ),
            row.source,
        ]
        for row in rows
    ]
    return _table(["Method", "Setting", "mAP", "Rank-1", "Cameras", "Backbone", "Note", "Source"], cells)


def _figure(value: float | None, corrected: float | None, status: str) -> str:
    if value is None:
        return ""
    if status == "leaked":
        return f"~~{value:.1f}~~ {'' if corrected is None else f'{corrected:.1f}'}".strip()
    return f"{value:.1f}" + ("?" if status else "")


def _cell(text: str) -> str:
    """Text escaped for a table cell: on one line, without bare pipes."""
    return " ".join(text.split()).replace("|", "\\|")


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)
