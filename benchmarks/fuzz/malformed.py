"""Malformed values: whatever they are used for, no array of numbers of a space can be read from them."""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import torch as th

Random = np.random.Generator
ERRORS: Final = (
    ValueError, TypeError, KeyError, IndexError, AttributeError, ZeroDivisionError, RecursionError, MemoryError,
    StopIteration, OSError, AssertionError, NotImplementedError, OverflowError, UserWarning, BufferError,
)  # fmt: skip


class MuteError(Exception):
    """An exception that cannot be displayed."""

    def __str__(self) -> str:
        raise ValueError("no text")

    __repr__ = __str__


def _raiser(error: type[Exception]) -> Callable[..., Any]:
    def fails(*_: Any, **__: Any) -> Any:
        raise error("on purpose")

    return fails


METHODS: Final = (
    ("__array__",), ("__len__",), ("__len__", "__iter__", "__getitem__"), ("__iter__",), ("__getitem__", "__len__"),
    ("__float__",), ("__index__",), ("__repr__", "__array__"), ("__str__", "__repr__"), ("__eq__", "__hash__"),
)  # fmt: skip
PROPERTIES: Final = ("__array_interface__", "__array_struct__", "__class__", "dtype", "shape")


def broken(rng: Random) -> Any:
    """An object whose special methods or properties raise."""
    error = (*ERRORS, MuteError)[rng.integers(len(ERRORS) + 1)]
    fails = _raiser(error)
    if rng.random() < 0.4:
        return type("Broken", (), {PROPERTIES[rng.integers(len(PROPERTIES))]: property(fails)})()
    return type("Broken", (), dict.fromkeys(METHODS[rng.integers(len(METHODS))], fails))()


class BrokenMapping(Mapping[str, Any]):
    """A mapping of which one operation raises, or which never ends."""

    def __init__(self, content: Mapping[str, Any], operation: str, error: type[Exception]) -> None:
        self._content, self._operation, self._error = content, operation, error

    def __getitem__(self, key: str) -> Any:
        if self._operation == "getitem":
            raise self._error("on purpose")
        return self._content[key]

    def __iter__(self) -> Iterator[str]:
        if self._operation == "iter":
            raise self._error("on purpose")
        while self._operation == "endless":
            yield "more"
        yield from self._content

    def __len__(self) -> int:
        if self._operation == "getitem":
            return 10**9
        raise self._error("on purpose")


def _recursive(_: Random, __: np.ndarray) -> Any:
    value: list[Any] = []
    value.append(value)
    return value


def _bomb(rng: Random, good: np.ndarray) -> Any:
    """Lists that share their items: few objects, 2 ** depth numbers."""
    value: Any = 0.0
    for _ in range(int(rng.integers(25, 80))):
        value = [value, value]
    return [value] * len(good) if good.ndim and rng.random() < 0.5 else value


def _nested(rng: Random, _: np.ndarray) -> Any:
    value: Any = 0.0
    for _ in range(int(rng.integers(5, 3000))):
        value = [value]
    return value


def _with_item(item: Callable[[Random], Any]) -> Callable[[Random, np.ndarray], Any]:
    """Nested lists of the right shape, one item of which is replaced."""

    def value(rng: Random, good: np.ndarray) -> Any:
        if good.ndim == 0:
            return item(rng)
        lists = good.tolist()
        inner = lists
        for size in good.shape[:-1]:
            inner = inner[int(rng.integers(size))]
        inner[int(rng.integers(len(inner)))] = item(rng)
        return lists

    return value


def _array_of(result: Callable[[Random, np.ndarray], Any]) -> Callable[[Random, np.ndarray], Any]:
    """An object whose `__array__` returns something else than an array of the space."""

    def value(rng: Random, good: np.ndarray) -> Any:
        made = result(rng, good)
        return type("Array", (), {"__array__": lambda *_, **__: made})()

    return value


def _masked(rng: Random, good: np.ndarray) -> Any:
    array = np.ma.MaskedArray(good.copy())
    array[tuple(int(rng.integers(size)) for size in good.shape)] = np.ma.masked
    return array


def _structured(_: Random, good: np.ndarray) -> Any:
    return np.zeros(good.shape, [(f"f{index}", "f4") for index in range(300)])


def _reshaped(rng: Random, good: np.ndarray) -> Any:
    forms = (
        good[None],
        good[..., None],
        np.concatenate([np.atleast_1d(good)] * 2),
        np.zeros((0,)),
        np.zeros((2, 0, 3)),
    )
    return forms[rng.integers(len(forms))]


def _with_number(dtype: Any, *numbers: float) -> Callable[[Random, np.ndarray], Any]:
    """A copy of the good array in a dtype, in which one number is replaced by one of these."""

    def value(rng: Random, good: np.ndarray) -> Any:
        array = np.array(good, dtype)
        array[tuple(int(rng.integers(size)) for size in good.shape)] = numbers[rng.integers(len(numbers))]
        return array

    return value


def _sparse(_: Random, good: np.ndarray) -> Any:
    return th.as_tensor(good).to_sparse()


def _wrong_dtype(rng: Random, good: np.ndarray) -> Any:
    dtypes = ("c8", "c16", "U3", "S3", "O", "?", "M8[s]", "m8[s]", "V4")
    dtype = dtypes[rng.integers(len(dtypes))]
    return np.zeros(good.shape, dtype) if dtype[0] in "MmVSU" else good.astype(dtype)


VALUES: Final[Mapping[str, Callable[[Random, np.ndarray], Any]]] = MappingProxyType(
    {
        "object that raises": lambda rng, _: broken(rng),
        "list with an object that raises": _with_item(broken),
        "list with None": _with_item(lambda _: None),
        "list with a string": _with_item(lambda _: "1"),
        "list with a complex number": _with_item(lambda _: 1j),
        "list with a huge number": _with_item(lambda rng: int(rng.integers(2, 10)) ** 400),
        "list with a list": _with_item(lambda _: [0.0]),
        "recursive list": _recursive,
        "list of lists that share items": _bomb,
        "deeply nested list": _nested,
        "nothing": lambda *_: None,
        "string": lambda rng, _: "0" * int(rng.integers(100_000)),
        "bytes": lambda rng, _: b"\0" * int(rng.integers(10_000)),
        "set": lambda *_: {0.0, 1.0},
        "dictionary": lambda *_: {0: 0.0},
        "generator": lambda *_: (number for number in (0.0, 1.0)),
        "function": lambda *_: len,
        "type": lambda *_: float,
        "long range": lambda rng, _: range(int(rng.integers(10**9, 10**12))),
        "huge view": lambda rng, _: np.broadcast_to(np.float32(0.5), (int(rng.integers(10**9, 10**12)),)),
        "other shape": _reshaped,
        "not a number": _with_number(np.float64, np.nan),
        "extended precision, not a number": _with_number(np.longdouble, np.nan),
        "other dtype": _wrong_dtype,
        "structured": _structured,
        "masked": _masked,
        "array of a string": _array_of(lambda *_: "text"),
        "array of itself": _array_of(lambda *_: broken),
        "array of another dtype": _array_of(_wrong_dtype),
        "array of another shape": _array_of(_reshaped),
        "sparse tensor": _sparse,
        "tensor without storage": lambda _, good: th.empty(good.shape, device="meta"),
        "bfloat16 tensor": lambda _, good: th.zeros(good.shape, dtype=th.bfloat16),
        "tensor with gradient": lambda _, good: th.zeros(good.shape, requires_grad=True),
        "complex tensor": lambda _, good: th.zeros(good.shape, dtype=th.complex64),
        "negated view of a tensor": lambda _, good: th._neg_view(th.zeros(good.shape) + 2.0),
        "list of tensors": lambda _, good: [th.zeros(2, requires_grad=True)] * (good.shape[0] if good.ndim else 1),
    }
)
"""Kind -> (generator, a good array) -> a malformed value in its place."""
OUT_OF_RANGE: Final[Mapping[str, Callable[[Random, np.ndarray], Any]]] = MappingProxyType(
    {
        "infinite or huge": _with_number(np.float64, np.inf, -np.inf, 1e300, -1e300, 1e9, -1e9, -1e-300),
        "whole number out of range": _with_number(np.int64, -1, 10**6, 2**63 - 1, -(2**63)),
    }
)
"""The same for values that all but flat actions in a Box refuse: these are clipped to the Box."""


def malformed_value(rng: Random, good: np.ndarray, clipped: bool = False) -> tuple[str, Any]:
    """A kind and a value of it in place of a good array; `clipped` where values out of range are allowed."""
    table = VALUES if clipped else {**VALUES, **OUT_OF_RANGE}
    kind = list(table)[rng.integers(len(table))]
    return kind, table[kind](rng, good)


def malformed_mapping(rng: Random, good: Mapping[str, np.ndarray]) -> tuple[str, Any]:
    """A kind and a malformed action in place of a dictionary: mostly one malformed value, else the mapping itself."""
    if rng.random() < 0.7:
        key = sorted(good)[rng.integers(len(good))]
        kind, value = malformed_value(rng, good[key])
        return f"{kind} in a mapping", {**good, key: value}
    kind = list(MAPPINGS)[rng.integers(len(MAPPINGS))]
    return kind, MAPPINGS[kind](rng, good)


def _without_key(rng: Random, good: Mapping[str, Any]) -> Any:
    left_out = sorted(good)[rng.integers(len(good))]
    return {key: value for key, value in good.items() if key != left_out}


def _broken_mapping(rng: Random, good: Mapping[str, Any]) -> Any:
    operations = ("getitem", "iter", "endless")
    error = ERRORS[rng.integers(len(ERRORS))]
    return BrokenMapping(good, operations[rng.integers(len(operations))], error)


MAPPINGS: Final[Mapping[str, Callable[[Random, Mapping[str, Any]], Any]]] = MappingProxyType(
    {
        "no mapping": lambda rng, good: VALUES[list(VALUES)[rng.integers(len(VALUES))]](rng, np.zeros(3)),
        "list of pairs": lambda _, good: list(good.items()),
        "missing key": _without_key,
        "unknown key": lambda _, good: {**good, "more": 0},
        "key that is no string": lambda _, good: {**good, 7: 0},
        "key that raises": lambda _, good: {**good, type("Key", (), {"__repr__": _raiser(OSError)})(): 0},
        "long key": lambda rng, good: {**good, "k" * int(rng.integers(10**6)): 0},
        "mapping that raises": _broken_mapping,
        "empty": lambda *_: {},
    }
)
"""Kind -> (generator, a good action) -> a malformed action."""
