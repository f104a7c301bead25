"""Self-contained HTML pages: reports of runs, clusterings, single clusters, and questions for annotators."""

from reseen.pages.cluster_page import (
    ClustersContent,
    Figure,
    SheetGroup,
    TreeContent,
    render_clusters,
    render_tree,
    write_clusters_page,
    write_tree_page,
)
from reseen.pages.content import (
    ClusterSheet,
    Crop,
    CropTree,
    Insight,
    Leaf,
    RankedAnswer,
    RankedList,
    ReportContent,
    Strip,
)
from reseen.pages.question_page import Question, QuestionsContent, render_questions, write_questions_page
from reseen.pages.render import render, write_report

__all__ = [
    "ClusterSheet",
    "ClustersContent",
    "Crop",
    "CropTree",
    "Figure",
    "Insight",
    "Leaf",
    "Question",
    "QuestionsContent",
    "RankedAnswer",
    "RankedList",
    "ReportContent",
    "SheetGroup",
    "Strip",
    "TreeContent",
    "render",
    "render_clusters",
    "render_questions",
    "render_tree",
    "write_clusters_page",
    "write_questions_page",
    "write_report",
    "write_tree_page",
]
