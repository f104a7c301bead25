"""One page that shows a run: scores, curves, clusters and ranked lists, in a single file."""

from reseen.evaluate.report.content import ClusterSheet, Crop, RankedAnswer, RankedList, ReportContent
from reseen.evaluate.report.page import render, write_report

__all__ = [
    "ClusterSheet",
    "Crop",
    "RankedAnswer",
    "RankedList",
    "ReportContent",
    "render",
    "write_report",
]
