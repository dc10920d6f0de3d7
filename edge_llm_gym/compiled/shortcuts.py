"""What numba repeats most during a compilation, in versions that give the same results in less time.

A quarter of the time of a compilation is spent on bookkeeping: which of twenty definitions of `+` holds for two floats,
asked anew for every sum of a program; comparisons of options; lists of variables; copies of numbers that are then
searched for references. The functions here replace numba's own while an entry is compiled, under the compiler's lock.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from llvmlite import binding as llvm  # type: ignore[import-untyped]
from numba.core import errors, event, ir, types
from numba.core.base import BaseContext
from numba.core.runtime.context import NRTContext
from numba.core.targetconfig import ConfigStack, TargetConfig
from numba.core.types import BaseTuple, NoneType, SliceType, StringLiteral  # type: ignore[attr-defined]
from numba.core.types.functions import BaseFunction

LLVM_LOCK: Final = "numba:llvm_lock"
"""Kind of the events around each of the 60,000 calls of LLVM."""


@contextmanager
def shortcuts() -> Iterator[None]:
    """A block in which numba uses the functions of this module; the caller holds the lock of the compiler."""
    before = [(owner, name, owner.__dict__[name]) for owner, name, _ in REPLACED]
    for owner, name, function in REPLACED:
        setattr(owner, name, function)
    try:
        with _without_unheard_events():
            yield
    finally:
        for owner, name, function in before:
            setattr(owner, name, function)


@contextmanager
def _without_unheard_events() -> Iterator[None]:
    """A block in which a call of LLVM is no event, unless something outside of numba listens."""
    callbacks: list[Any] = llvm.ffi.lib._lock._cblist
    own = [] if event._registered[LLVM_LOCK] else [each for each in callbacks if _is_of_numba(each)]
    for each in own:
        callbacks.remove(each)
    try:
        yield
    finally:
        callbacks.extend(own)


def _is_of_numba(callbacks: tuple[Any, Any]) -> bool:
    return all(each.__module__ == BaseContext.__module__ for each in callbacks)


# Types of calls.

SIMPLE: Final = (types.Number, types.Boolean, types.Array, NoneType, SliceType, StringLiteral)
"""Types whose instances do not change; tuples of them are simple, too."""
_resolved: dict[Any, tuple[Any, ...]] = {}
_options: list[dict[str, Any]] = []
_get_call_type: Final = BaseFunction.get_call_type


def get_call_type(function: Any, context: Any, args: Any, kws: Any) -> Any:
    """The signature of a call of one of numba's functions, looked for once for each types of arguments and options."""
    if not all(map(_is_simple, args)) or not all(map(_is_simple, kws.values())):
        return _get_call_type(function, context, args, kws)
    key = function, id(context), tuple(args), tuple(kws.items()), _options_number()
    if key in _resolved:
        signature, implementation = _resolved[key]
        function._impl_keys[signature.args] = implementation
        return signature
    signature = _get_call_type(function, context, args, kws)
    assert signature is not None
    _resolved[key] = signature, function._impl_keys[signature.args]
    return signature


def _is_simple(type_: Any) -> bool:
    if isinstance(type_, BaseTuple):
        return all(map(_is_simple, type_))
    return isinstance(type_, SIMPLE) and type_.is_precise()


def _options_number() -> int:
    """Number of the options of the function that is compiled."""
    options = ConfigStack.top_or_none()
    if options is None:
        return -1
    if options._values not in _options:
        _options.append(dict(options._values))
    return _options.index(options._values)


# Comparisons of options.


def option_values(options: Any) -> dict[str, Any]:
    """The value of every option."""
    kind = type(options)
    if kind not in _defaults:
        _defaults[kind] = {name: option.default for name, option in kind.options.items()}
    return _defaults[kind] | options._values


_defaults: dict[type, dict[str, Any]] = {}


def options_hash(options: Any) -> int:
    """Numba's hash, that of the names."""
    kind = type(options)
    if kind not in _hashes:
        _hashes[kind] = hash(tuple(sorted(kind.options)))
    return _hashes[kind]


_hashes: dict[type, int] = {}


def same_options(options: Any, other: Any) -> Any:
    """Whether two sets of options are equal."""
    if not isinstance(other, TargetConfig):
        return NotImplemented
    return options._values == other._values or option_values(options) == option_values(other)


# Variables of a statement.


def list_variables(_statement: Any, value: Any) -> list[Any]:
    """The variables in a value, which may be nested."""
    found: list[Any] = []
    _collect(value.values() if type(value) is dict else (value,), found)
    return found


def _collect(values: Iterable[Any], found: list[Any]) -> None:
    """Called half a million times in the first run: kinds are compared before instances are looked at."""
    for value in values:
        kind = type(value)
        if kind is ir.Var:
            found.append(value)
        elif kind in _WITHOUT:
            continue
        elif isinstance(value, ir.Var):
            found.append(value)
        elif isinstance(value, ir.Inst):
            found.extend(value.list_vars())
        elif isinstance(value, (list, tuple)):
            _collect(value, found)
        elif isinstance(value, dict):
            _collect(value.values(), found)
        else:
            _WITHOUT.add(kind)


_WITHOUT: Final[set[type]] = set()
"""Types that were seen and hold no variables."""


# References in a value.


def get_meminfos(runtime: Any, builder: Any, type_: Any, value: Any) -> list[Any]:
    """Types and pointers of what a value holds references to. Parts that hold none are not taken from it."""
    models = runtime._context.data_model_manager
    model = models[type_]
    found = [(type_, model.get_nrt_meminfo(builder, value))] if model.has_nrt_meminfo() else []
    for inner, get in model.traverse(builder):
        if _holds_references(models[inner]):
            found.extend(runtime.get_meminfos(builder, inner, get(value)))
    return found


def _holds_references(model: Any) -> bool:
    if model not in _holders:
        _holders[model] = model.contains_nrt_meminfo()
    return _holders[model]


_holders: dict[Any, bool] = {}


# Definitions that were added since the last compilation.

_refresh: Final = BaseContext.refresh
_counted: dict[Any, int] = {}


def refresh(context: Any) -> None:
    """Takes over new definitions, if there are any."""
    if _counted.get(context) != _count(context):
        _refresh(context)
        _counted[context] = _count(context)


def _count(context: Any) -> int:
    """Number of definitions in all registries that a context knows."""
    registries = (*context._registries, *context.typing_context._registries)
    return sum(len(each) for registry in registries for each in registry.__dict__.values() if isinstance(each, list))


# Marks of colour in messages of errors, of which numba makes ten thousand in vain.


def markup(_scheme: Any, message: str, color: str | None = None, style: str | None = "\x1b[1m") -> str:
    """A message between marks, as numba makes it."""
    return f"{color or ''}{style or ''}{message}\x1b[0m"


REPLACED: Final[list[tuple[Any, str, Callable[..., Any]]]] = [
    (BaseFunction, "get_call_type", get_call_type),
    (TargetConfig, "values", option_values),
    (TargetConfig, "__eq__", same_options),
    (TargetConfig, "__hash__", options_hash),
    (ir.Inst, "_rec_list_vars", list_variables),
    (NRTContext, "get_meminfos", get_meminfos),
    (BaseContext, "refresh", refresh),
]
if hasattr(errors, "HighlightColorScheme"):  # only where colorama is installed
    REPLACED.append((errors.HighlightColorScheme, "_markup", markup))
