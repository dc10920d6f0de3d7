"""Look-up of names given by users, with a suggestion for misspelt ones."""

from collections.abc import Iterable
from difflib import get_close_matches


def suggestion(value: str, known: Iterable[str]) -> str:
    """'did you mean ...?' if a known name is similar, otherwise the list of known names."""
    names = sorted(known)
    beginnings = [name for name in names if value and name.startswith(value)]
    close = beginnings or get_close_matches(value, names, n=1, cutoff=0.6)
    return f"did you mean {close[0]!r}?" if close else f"choose one of: {', '.join(names)}"


def known_name(kind: str, value: str, known: Iterable[str]) -> str:
    """The value itself if it is known. Raises ValueError with a suggestion otherwise."""
    names = list(known)
    if not isinstance(value, str):
        raise ValueError(
            f"{kind} must be a name, got {type(value).__name__}; choose one of: {', '.join(sorted(names))}"
        )
    if value not in names:
        raise ValueError(f"unknown {kind} {value!r}; {suggestion(value, names)}")
    return value
