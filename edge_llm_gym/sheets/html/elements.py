"""Elements of HTML pages. Every function escapes the texts that it takes; arguments named `html` hold markup."""

import html as escaping
from base64 import b64encode
from collections.abc import Iterable


def html_text(text: str) -> str:
    """A text with what HTML gives a meaning escaped, also within quoted attributes."""
    return escaping.escape(text)


def paragraph(text: str, kind: str = "") -> str:
    """A paragraph; `kind` is its class."""
    return f'<p class="{html_text(kind)}">{html_text(text)}</p>' if kind else f"<p>{html_text(text)}</p>"


def picture(png: bytes, alternative: str) -> str:
    """A PNG image as part of the page; `alternative` describes it where it cannot be seen."""
    return f'<img alt="{html_text(alternative)}" src="data:image/png;base64,{b64encode(png).decode()}">'


def definitions(pairs: Iterable[tuple[str, str]]) -> str:
    """A list of names and their values."""
    entries = "".join(f"<dt>{html_text(name)}</dt><dd>{html_text(value)}</dd>" for name, value in pairs)
    return f"<dl>{entries}</dl>"


def folded(title: str, html: str) -> str:
    """Content that is shown after a click on its title."""
    return f"<details><summary>{html_text(title)}</summary>{html}</details>"


def wide(html: str, label: str) -> str:
    """A region that scrolls sideways where the page is narrow, also by keys."""
    return f'<div class="wide" role="region" tabindex="0" aria-label="{html_text(label)}">{html}</div>'
