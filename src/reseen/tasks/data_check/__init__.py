"""Check a data set: its layout, its contents, and problems."""

from reseen.tasks.data_check.inspect import Inspection, check_data, inspect_data
from reseen.tasks.data_check.report import DataReport, Finding, SplitReport

__all__ = ["DataReport", "Finding", "Inspection", "SplitReport", "check_data", "inspect_data"]
