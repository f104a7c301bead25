import re

import pytest

from reseen.pages.bar_charts import bars


def heights(chart):
    """Height of each bar in drawing units."""
    found = re.findall(r'class="bin" d="M[\d.]+ ([\d.]+)V([\d.]+)H', chart.drawing)
    return [float(bottom) - float(top) for bottom, top in found]


def test_heights_are_in_proportion_and_every_count_is_under_the_pointer():
    chart = bars("Cameras", {"gate": 100, "hall": 50, "roof": 0}, "crops")
    high, half, none = heights(chart)
    assert half == pytest.approx(high / 2, abs=0.2)
    assert none == 0
    assert "<title>hall: 50 crops</title>" in chart.drawing
    assert chart.words == "0 to 100"


def test_many_names_are_not_all_written_but_all_told():
    chart = bars("Cameras", {f"camera {number}": number for number in range(1, 61)}, "crops")
    assert chart.drawing.count("<title>") == 60
    assert chart.drawing.count('class="tick middle"') < 10


def test_names_are_text_and_not_markup():
    assert "<b>" not in bars("Cameras", {"<b>": 1}, "crops").drawing


@pytest.mark.parametrize("counts", [{}, {"a": -1}])
def test_nothing_and_less_than_nothing_are_refused(counts):
    with pytest.raises(ValueError, match="needs at least one count"):
        bars("Cameras", counts, "crops")
