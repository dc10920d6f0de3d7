"""Parts of the texts for a terminal: colours, bars in proportion, short numbers, cut names, counts of outcomes."""

from collections.abc import Iterable, Mapping
from typing import Final

from edge_llm_gym.rendering.moment import Moment
from edge_llm_gym.rendering.outcomes import coloured_counts
from edge_llm_gym.rendering.palette import MUTED, Colour
from edge_llm_gym.units import GIGA

WIDTH: Final = 98  # columns of a line, at most
BAR: Final = 24
GAP: Final = 3
NAME: Final = 16
CUBE_LEVELS: Final = (0, 95, 135, 175, 215, 255)  # of xterm's 256 colours
RESET: Final = "\x1b[0m"


def painted(text: str, colour: Colour) -> str:
    """The text in the nearest colour of a terminal's 6 x 6 x 6 cube."""
    red, green, blue = (min(range(6), key=lambda level: abs(CUBE_LEVELS[level] - channel)) for channel in colour)
    return f"\x1b[38;5;{16 + 36 * red + 6 * green + blue}m{text}{RESET}"


def bold(text: str) -> str:
    """The text in bold face."""
    return f"\x1b[1m{text}{RESET}"


def bar(parts: tuple[tuple[float, str, Colour], ...], width: int) -> str:
    """Parts (fraction of the whole, mark, colour), one after the other over `width` columns, in proportion."""
    drawn, done, column = "", 0.0, 0
    for fraction, mark, colour in parts:
        done += fraction
        end = min(round(done * width), width)
        drawn += painted(mark * (end - column), colour) if end > column else ""
        column = max(end, column)
    return drawn + " " * (width - column)


def compact(number: float) -> str:
    """Three significant digits and a metric prefix, at most five characters from 0 up to a quadrillion."""
    for size, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size * 0.9995:
            return f"{number / size:.3g}{prefix}"
    return f"{number:.3g}"


def gigabytes(size_bytes: float) -> str:
    """Memory in GB, with the two decimals that all pictures, pages and messages show."""
    return f"{size_bytes / GIGA:.2f}"


def usage_text(utilisation: float, node_energy_j: float) -> str:
    """Busy share and energy of the nodes in an epoch."""
    return f"nodes {utilisation:.0%} busy, {compact(node_energy_j)}J"


def cut(text: str, width: int) -> str:
    """The text, or its beginning and dots where it is longer than `width` columns."""
    return text if len(text) <= width else text[: width - 1] + "…"


def header(view: Moment) -> str:
    """The first line of every text: scenario, caption, epoch and time."""
    moment = f"epoch {view.epoch}/{view.horizon}   t = {view.time_s:.1f} s"
    space = WIDTH - len(moment) - GAP
    if not view.caption:
        return bold(cut(view.scenario, space)) + " " * GAP + moment
    title = cut(view.scenario, max(space - len(view.caption) - GAP, space // 2))
    return (" " * GAP).join((bold(title), cut(view.caption, space - len(title) - GAP), moment))


def lines_of(*parts: Iterable[str]) -> str:
    """The lines of all parts, one below the other."""
    return "\n".join(line for part in parts for line in part)


def column_heads(text: str) -> str:
    """Heads of the columns that stand to the right of the nodes' names."""
    return painted(" " * (NAME + 3) + text, MUTED)


def painted_counts(counts: Mapping[str, int]) -> str:
    """Number and label of each outcome in its colour."""
    return "  ".join(painted(text, colour) for text, colour in coloured_counts(counts))
