"""Checks of single numbers that users give: settings of solvers and experts.

A number is an int, a float or one of numpy's. True and False are refused: as a limit they are a mistake. Text is
refused too, with a hint where it reads as a number.
"""

import operator
from numbers import Real
from typing import Any, Final

import numpy as np

from edge_llm_gym.messages import quoted

LARGEST_WHOLE_NUMBER: Final = 2**62
"""Greatest limit that a compiled solver can count to."""


def whole_number(name: str, value: Any, least: int = 0, greatest: int = LARGEST_WHOLE_NUMBER) -> int:
    """The `value` as an int. Raises ValueError unless it is an integer from `least` to `greatest`; 1.0 is none."""
    if type(value) is int and least <= value <= greatest:
        return value
    if isinstance(value, (bool, np.bool_)) or not hasattr(value, "__index__") or np.ndim(value):
        hint = "" if isinstance(value, (bool, np.bool_)) or not isinstance(value, Real) else "; round it with int()"
        raise ValueError(f"{name} must be a whole number{_received(value)}{hint}")
    number = operator.index(value)
    if not least <= number <= greatest:
        raise ValueError(f"{name} must be {_at_least(least, 0)}{_at_most(greatest, number)}, got {quoted(value)}")
    return number


def real_number(
    name: str, value: Any, least: float = 0.0, greatest: float = np.inf, *, infinite: bool = False, unit: str = ""
) -> float:
    """The `value` as a float. Raises ValueError unless it is a number from `least` to `greatest`, which are allowed.

    Infinity is refused unless `infinite`. The `unit` is named in the error.
    """
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Real):
        raise ValueError(f"{name} must be a number{unit and f' ({unit})'}{_received(value)}")
    number = _as_float(value)
    if not (least <= number <= greatest and (infinite or np.isfinite(number))):
        rule = f"{'' if infinite else 'finite and '}{_at_least(least, 0.0)}{_at_most(greatest, number)}"
        raise ValueError(f"{name} must be {rule}{unit and f' ({unit})'}, got {quoted(value)}")
    return number


def time_limit(name: str, value: Any) -> float:
    """A limit in seconds as a float, infinite for None. Raises ValueError for anything but zero or more."""
    return np.inf if value is None else real_number(name, value, infinite=True)


def flag(name: str, value: Any) -> bool:
    """The `value` as a bool. Raises ValueError for anything but True and False: "no" and 0.5 would count as true."""
    if not isinstance(value, (bool, np.bool_)):
        raise ValueError(f"{name} must be True or False{_received(value)}")
    return bool(value)


def _as_float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return np.inf if value > 0 else -np.inf


def _received(value: Any) -> str:
    return f", got {quoted(value)} of type {type(value).__name__}"


def _at_least(least: float, zero: float) -> str:
    return "zero or more" if least == zero else f"at least {least:g}"


def _at_most(greatest: float, number: float) -> str:
    return f" and at most {greatest:g}" if np.isfinite(greatest) and number > greatest else ""
