"""Look-up of names given by users, with a suggestion for misspelt ones."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

from edge_llm_gym.messages import quoted, shortened

LONGEST_NAME: Final = 200
"""Characters of a value that is compared with known names; the effort grows with their number squared."""


def suggestion(value: str, known: Iterable[str]) -> str:
    """'did you mean ...?' if a known name is similar, otherwise the list of known names."""
    names = sorted(known)
    short = value[:LONGEST_NAME]
    beginnings = [name for name in names if value and name.startswith(value)]
    close = beginnings or get_close_matches(short, names, n=1, cutoff=0.6)
    return f"did you mean {quoted(close[0])}?" if close else f"choose one of: {shortened(', '.join(names))}"


def require_key(kind: str, value: str, known: Iterable[str]) -> None:
    """Raises KeyError with a suggestion for a name that is not known."""
    names = list(known)
    if value not in names:
        raise KeyError(f"unknown {kind} {quoted(value)}; {suggestion(str(value), names)}")


def known_name(kind: str, value: str, known: Iterable[str]) -> str:
    """The value itself if it is known. Raises ValueError with a suggestion otherwise."""
    names = list(known)
    if not isinstance(value, str):
        raise ValueError(f"{kind} must be a name, got {quoted(value)}; choose one of: {shortened(', '.join(names))}")
    if value not in names:
        raise ValueError(f"unknown {kind} {quoted(value)}; {suggestion(value, names)}")
    return value
