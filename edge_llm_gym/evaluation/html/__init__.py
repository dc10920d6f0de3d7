"""A comparison as one self-contained HTML page."""

from edge_llm_gym.evaluation.html.origin import Origin
from edge_llm_gym.evaluation.html.report import REPORT, report_page, save_report

__all__ = ["REPORT", "Origin", "report_page", "save_report"]
