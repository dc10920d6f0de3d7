"""A whole page: one file with its style and scripts inside, whose content security policy refuses everything else."""

from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from importlib.resources import files
from string import Template
from typing import Final

from edge_llm_gym.sheets.html.elements import html_text

PACKAGE: Final = "edge_llm_gym.sheets.html"


def page(title: str, html: str, scripts: Sequence[str] = ()) -> str:
    """The text of a page: its title as a heading, then `html`. Tables are sortable; `scripts` run after that is set up.

    The page loads nothing, and runs no script but these: its content security policy names their hashes.
    """
    texts = (resource(PACKAGE, "sort.js"), *scripts)
    return Template(resource(PACKAGE, "page.html")).substitute(
        title=html_text(title),
        style=resource(PACKAGE, "page.css"),
        hashes=" ".join(f"'{_hash(text)}'" for text in texts),
        scripts="\n".join(f"<script>{text}</script>" for text in texts),
        body=html,
    )


def resource(package: str, name: str) -> str:
    """The text of a data file of a package."""
    return files(package).joinpath(name).read_text("utf-8")


def _hash(script: str) -> str:
    """As content security policies name a script."""
    return f"sha256-{b64encode(sha256(script.encode()).digest()).decode()}"
