"""How loops over `range(stop)` and `range(start, stop)` are translated.

Numba prepares for any step, with divisions and an error for a step of zero: 110 instructions for a loop, of which LLVM
has to find out that they do nothing. Here the step is known to be 1. The order of numbers and their count are the same.
"""

from typing import Any

from numba.core import cgutils, ir


def steps_by_one(values: dict[str, Any], name: str) -> bool:
    """Whether a variable is a range without a step, by the values of the variables that are assigned once."""
    call = values.get(name)
    if not (isinstance(call, ir.Expr) and call.op == "call" and len(call.args) in (1, 2)):
        return False
    function = values.get(call.func.name)
    return isinstance(function, ir.Global) and function.value is range and not call.kws and call.vararg is None


def iterator(context: Any, builder: Any, numbers: Any, iterator_type: Any) -> Any:
    """The record of numba's iterator over a range with step 1."""
    start, stop = (builder.extract_value(numbers, field) for field in range(2))
    zero, step = start.type(0), start.type(1)
    count = builder.sub(stop, start)
    count = builder.select(builder.icmp_signed(">", count, zero), count, zero)
    model = context.data_model_manager[iterator_type]
    result = context.get_constant_undef(iterator_type)
    parts = {"iter": _stored(builder, start), "stop": stop, "step": step, "count": _stored(builder, count)}
    for name, part in parts.items():
        result = model.set(builder, result, part, name)
    return result


def _stored(builder: Any, value: Any) -> Any:
    address = cgutils.alloca_once(builder, value.type)
    builder.store(value, address)
    return address


def next_number(context: Any, builder: Any, iterator_value: Any, iterator_type: Any, pair_type: Any) -> Any:
    """The next number of a range and whether there is one. What follows the last number is not looked at."""
    model = context.data_model_manager[iterator_type]
    place, left, step = (model.get(builder, iterator_value, name) for name in ("iter", "count", "step"))
    count, number = builder.load(left), builder.load(place)
    is_valid = builder.icmp_signed(">", count, count.type(0))
    builder.store(builder.sub(count, count.type(1), flags=["nsw"]), left)
    builder.store(builder.add(number, step), place)
    result = context.get_constant_undef(pair_type)
    return builder.insert_value(builder.insert_value(result, number, 0), is_valid, 1)
