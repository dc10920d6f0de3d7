"""The exits of a model as a table, and formatted numbers as cells."""

from edge_llm_gym.rendering.exits import ExitsView, ExitView, share_left, share_left_total
from edge_llm_gym.sheets import Cell, Column, Sheet, make_sheet
from edge_llm_gym.sim.exit_observation import QUANTILES


def number(value: float, form: str = "d") -> Cell:
    """A number in a format."""
    return Cell(format(value, form), float(value))


def optional(value: float | None, form: str) -> Cell:
    """A number in a format, "-" where there is none."""
    return Cell("-") if value is None else number(value, form)


def exit_table(view: ExitsView) -> Sheet:
    """Where the requests of the last epoch and of the episode left, confidences observed there and thresholds."""
    heads = [f"{100 * quantile:g} %" for quantile in QUANTILES]
    columns: tuple[Column | str, ...] = (Column("exit"), "left", "share", "in the episode", *heads, "thresholds")
    return make_sheet(
        "exits: requests that left there, and quantiles of the observed confidence",
        columns,
        [_exit(one, view) for one in view.exits],
    )


def _exit(one: ExitView, view: ExitsView) -> tuple[Cell | str, ...]:
    quantiles: tuple[float | None, ...] = one.quantiles or (None,) * len(QUANTILES)
    thresholds = sorted({f"{threshold:.2f}" for threshold in one.thresholds})
    return (
        number(one.exit),
        number(one.left),
        number(share_left(view, one), ".0%"),
        number(share_left_total(view, one), ".0%"),
        *(optional(quantile, ".2f") for quantile in quantiles),
        " to ".join(thresholds[:: max(len(thresholds) - 1, 1)]) or "-",
    )
