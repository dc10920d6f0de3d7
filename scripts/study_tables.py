"""Numbers in the tables of the studies' pages."""

from collections.abc import Mapping


def scale_of(name: str) -> float:
    """What scores are multiplied by: shares become percent, the reward of EarlyExit stays.

    `name` is an environment, or a recipe that ends in one.
    """
    return 1.0 if name.endswith("early-exit") else 100.0


def interval(of: Mapping[str, float], scale: float, sign: str = "") -> str:
    """Mean and interval, with a sign to two decimals and without one to one."""
    digits = ".2f" if sign else ".1f"
    mean, low, high = (format(scale * of[end], sign + digits) for end in ("mean", "low", "high"))
    return f"{mean} [{low}, {high}]"
