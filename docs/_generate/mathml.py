"""Equations as MathML, written at build time: the pages need no script and no web font."""

import html
import re

from latex2mathml.converter import convert

_INLINE = re.compile(r'<span class="arithmatex">\\\((.*?)\\\)</span>', re.DOTALL)
_DISPLAY = re.compile(r'<div class="arithmatex">\s*\\\[(.*?)\\\]\s*</div>', re.DOTALL)


def equations_as_mathml(page: str) -> str:
    """The HTML of a page, its LaTeX replaced. Raises what latex2mathml raises for LaTeX that it cannot read."""
    page = _DISPLAY.sub(lambda match: f'<div class="equation">{_mathml(match[1], "block")}</div>', page)
    return _INLINE.sub(lambda match: _mathml(match[1], "inline"), page)


def _mathml(latex: str, display: str) -> str:
    return str(convert(html.unescape(latex).strip(), display=display))
