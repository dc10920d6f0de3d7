"""Sheets and texts as HTML pages, each one file that loads nothing. Texts are plain, nothing in them is markup."""

from edge_llm_gym.sheets.html.elements import definitions, folded, html_text, paragraph, picture, wide
from edge_llm_gym.sheets.html.page import page, resource
from edge_llm_gym.sheets.html.table import to_html

__all__ = ["definitions", "folded", "html_text", "page", "paragraph", "picture", "resource", "to_html", "wide"]
