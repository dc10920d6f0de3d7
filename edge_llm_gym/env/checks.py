"""Checks of the arguments that the single and the vector environment share."""

from collections.abc import Mapping
from typing import Any, Final

from edge_llm_gym.names import known_name

RENDER_MODES: Final = ("ansi", "rgb_array")


def check_render_mode(mode: str | None) -> None:
    """Raises ValueError for an unknown render mode; None means no rendering."""
    if mode is not None:
        known_name("render mode", mode, RENDER_MODES)


def refuse_options(options: Mapping[str, Any] | None, known: tuple[str, ...] = ()) -> None:
    """Raises ValueError for reset options that would be ignored."""
    unknown = sorted(set(options or ()) - set(known))
    if unknown:
        raise ValueError(f"unknown reset options {unknown}; settings go to make(..., overrides={{...}})")
