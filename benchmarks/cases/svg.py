"""How charts of benchmarks look, and how they are written: equal figures give equal bytes."""

from pathlib import Path

from matplotlib import pyplot
from matplotlib.figure import Figure

STYLE = {"svg.hashsalt": "reseen", "svg.fonttype": "none", "font.size": 9, "font.family": "sans-serif"}


def plain(axis: pyplot.Axes) -> None:
    """A light grid behind the data, and no frame above and to the right."""
    axis.grid(color="#dddddd", linewidth=0.6)
    axis.set_axisbelow(True)
    axis.spines[["top", "right"]].set_visible(False)


def write_svg(figure: Figure, out: Path) -> None:
    """Write the figure without date and trailing blanks, and close it."""
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, metadata={"Date": None})
    pyplot.close(figure)
    lines = out.read_text(encoding="utf-8").splitlines()
    out.write_text("\n".join(line.rstrip() for line in lines) + "\n", encoding="utf-8")
