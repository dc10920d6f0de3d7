"""Checks of the arguments that the single and the vector environment share."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.names import known_name

RENDER_MODES: Final = ("ansi", "rgb_array")
HUMAN: Final = "human"
"""Render mode of the single environment that shows every epoch in a window."""
OVERRIDES: Final = "overrides"
"""Reset option with overrides of the scenario for the next episodes."""
AUTOSEED: Final = "minari_autoseed"
"""Reset option of Minari's DataCollector, which also passes it to the environment; it has no effect there."""


def check_render_mode(mode: str | None, *, human: bool = False) -> None:
    """Raises ValueError for an unknown render mode; None means no rendering.

    With `human`, a window is known too. Raises ImportError where the library that opens it is missing.
    """
    if mode is not None:
        known_name("render mode", mode, (*RENDER_MODES, HUMAN) if human else RENDER_MODES)
    if mode == HUMAN:
        from edge_llm_gym.rendering.window import require_window

        require_window()


def usable_render_modes() -> list[str]:
    """Render modes of the single environment in this installation."""
    from edge_llm_gym.rendering.window import has_window

    return [*RENDER_MODES, *([HUMAN] if has_window() else [])]


def refuse_options(options: Mapping[str, Any] | None, known: tuple[str, ...] = ()) -> None:
    """Raises ValueError for reset options that would be ignored."""
    unknown = sorted(set(options or ()) - {OVERRIDES, AUTOSEED, *known})
    if unknown:
        raise ValueError(
            f"unknown reset options {unknown}; settings go to make(..., overrides={{...}}), or to "
            f"reset(options={{'overrides': {{...}}}}) for the next episodes"
        )


def chosen_rows(options: Mapping[str, Any] | None, rows: int) -> Array:
    """[R] bool: options["reset_mask"], or all rows without it.

    Raises ValueError for anything but a bool array [R] with at least one True.
    """
    mask = (options or {}).get("reset_mask")
    if mask is None:
        return np.ones(rows, np.bool_)
    if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_ or mask.shape != (rows,):
        raise ValueError(f"options['reset_mask'] must be a bool array of shape ({rows},), got {mask!r}")
    if not mask.any():
        raise ValueError(f"options['reset_mask'] must be True for at least one of the {rows} rows, got none")
    return mask
