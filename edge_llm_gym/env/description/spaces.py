"""Entries of action and observation spaces, and of the columns of observation keys."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import numpy as np
from gymnasium import spaces

from edge_llm_gym.env.description.docstrings import docstring_table
from edge_llm_gym.env.description.tables import Entry, range_text
from edge_llm_gym.env.description.texts import divisor_value, feature_texts, plain
from edge_llm_gym.env.features import QUANTILES, feature_names
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.sim.exit_observation import SEEN_EPOCHS

FOREIGN: Final = "not of the environment itself: a feature of your own, or of a wrapper"
AXES: Final[Mapping[str, tuple[str, Callable[[Scenario], int]]]] = {
    "N": ("slots", lambda scenario: scenario.slots),
    "K": ("nodes", lambda scenario: len(scenario.nodes)),
    "K1": ("entry nodes", lambda scenario: int(scenario.network.entry_nodes.size)),
    "D": ("devices", lambda scenario: scenario.devices.count),
    "E": ("exits", lambda scenario: len(scenario.block_layers)),
}
"""Symbol of an axis in docstrings -> what it counts, and its size."""


def space_entries(
    space: spaces.Space[Any], native: spaces.Dict, make_native: Callable[[Scenario], spaces.Dict], name: str
) -> tuple[Entry, ...]:
    """Entries of the keys of a space, in the order of the docstring that describes the `native` one.

    A space that is no dictionary has one entry, whose name is `name`.
    """
    if not isinstance(space, spaces.Dict):
        return (_entry(name, space, "", FOREIGN),)
    rows = {row["key"]: row for row in docstring_table(make_native, "key")}
    known = [key for key in rows if key in space.spaces and space[key] == native[key]]
    own = [key for key in space.spaces if key not in known]
    return (
        *(_entry(key, space[key], rows[key]["shape"], plain(rows[key]["meaning"])) for key in known),
        *(_entry(key, space[key], "", FOREIGN) for key in own),
    )


def _entry(name: str, space: spaces.Space[Any], axes: str, meaning: str) -> Entry:
    shape, dtype = shape_text(axes, space.shape or ()), str(space.dtype)
    return Entry(name, shape=shape, dtype=dtype, range=_range(space), meaning=meaning)


def shape_text(axes: str, shape: tuple[int, ...]) -> str:
    """Sizes beside the symbols of axes: "[N, K, 2]" and (32, 4, 2) give "[N=32, K=4, 2]"."""
    symbols = axes.strip("[]").split(", ") if axes else [""] * len(shape)
    sizes = (
        str(size) if not is_axis(symbol) else f"{symbol}={size}" for symbol, size in zip(symbols, shape, strict=True)
    )
    return f"[{', '.join(sizes)}]" if shape else ""


def is_axis(symbol: str) -> bool:
    """Whether a size in a docstring is an axis of AXES or a sum of them, not a number or the name of a constant."""
    return bool(symbol) and all(part in AXES for part in symbol.split(" + "))


def axes_note(entries: tuple[Entry, ...], scenario: Scenario) -> str:
    """What the symbols in the shapes of entries count."""
    used = {part for entry in entries for sizes in entry.shape.strip("[]").split(", ") for part in _symbols(sizes)}
    return ", ".join(f"{symbol} = {size(scenario)} {what}" for symbol, (what, size) in AXES.items() if symbol in used)


def _symbols(size: str) -> list[str]:
    return size.partition("=")[0].split(" + ") if "=" in size else []


def _range(space: spaces.Space[Any]) -> str:
    if isinstance(space, spaces.Discrete):
        return range_text(int(space.start), int(space.start + space.n - 1))
    if isinstance(space, spaces.MultiDiscrete):
        return range_text(float(np.min(space.start)), float(np.max(space.start + space.nvec - 1)))
    if isinstance(space, spaces.MultiBinary):
        return range_text(0, 1)
    return range_text(float(space.low.min()), float(space.high.max())) if isinstance(space, spaces.Box) else ""


def feature_entries(scenario: Scenario, space: spaces.Dict) -> Iterator[tuple[str, tuple[Entry, ...]]]:
    """Key of the observation and the entries of its columns, for every key whose columns differ in their meaning."""
    for key, names in feature_names(scenario).items():
        texts = feature_texts(scenario.variant, key)
        box = space[key]
        assert isinstance(box, spaces.Box)
        yield (
            key,
            tuple(
                Entry(
                    name,
                    column=str(column),
                    unit=texts[name]["unit"],
                    divided_by=divisor_text(scenario, texts[name]["divisor"]),
                    range=range_text(float(box.low[..., column].min()), float(box.high[..., column].max())),
                    meaning=plain(texts[name]["text"]),
                )
                for column, name in enumerate(names)
            ),
        )
    if "exit_confidence" in space.spaces:
        yield "exit_confidence", tuple(map(_quantile_entry, range(len(QUANTILES))))


def _quantile_entry(column: int) -> Entry:
    level, meaning = f"{QUANTILES[column]:g}", f"of the confidences at the exit in the last {SEEN_EPOCHS} epochs"
    return Entry(
        level, column=str(column), unit="1", divided_by="1", range="0 to 1", meaning=f"{level} quantile {meaning}"
    )


def divisor_text(scenario: Scenario, text: str) -> str:
    """A divisor, without how it is computed; one that is a key of the scenario comes with its value."""
    value = divisor_value(scenario, text)
    return plain(text.partition(":")[0]) if value is None else f"{text} ({value:g})"
