"""Histograms of the data check: crops of each camera, sizes of crops, crops of each person."""

import numpy as np

from reseen.data.check import Inspection
from reseen.data.evaluation_table import EvaluationTable
from reseen.evaluate.report.axes import Chart
from reseen.evaluate.report.bars import bars
from reseen.evaluate.report.histogram import histogram


def charts(inspection: Inspection) -> list[Chart]:
    """Charts that say something: none of cameras or sizes where all crops have the same."""
    found = []
    for name, split in inspection.report.splits.items():
        if len(split.cameras) > 1:
            found.append(bars(f"Cameras in {name}", split.cameras, "crops"))
    sizes = [fact.size for fact in inspection.files.values() if fact.size]
    for title, values in (
        ("Height in pixels", [height for _, height in sizes]),
        ("Width in pixels", [width for width, _ in sizes]),
    ):
        if len(set(values)) > 1:
            found.append(histogram(title, values, "crops", whole=True))
    for name, table in inspection.tables.items():
        if isinstance(table, EvaluationTable) and (table.identities > 0).any():
            counts = np.unique(table.identities[table.identities > 0], return_counts=True)[1]
            found.append(histogram(f"Crops of a person in {name}", counts.tolist(), "people", whole=True))
    return found
