"""How elements and rows of arrays are translated: `array[i]`, `array[i, j]` and `matrix[i]` with whole numbers.

Numba copies the record of the array to memory and loads shape and strides from there, twice: 25 instructions for an
element of a vector, 43 for one of a matrix, a quarter of all intermediate code. Here the numbers that are needed are
taken from the record: about 10 and 19 instructions. The addresses are the same.
"""

from typing import Any, Final

from numba.core import cgutils, types
from numba.core.types import BaseTuple  # type: ignore[attr-defined]

NUMBERS: Final = (types.Number, types.Boolean)


def is_element(context: Any, array_type: Any, index_type: Any) -> bool:
    """Whether an index denotes one number of an array, in a way that is translated here."""
    return _is_plain(context, array_type) and len(_types(index_type)) == array_type.ndim


def is_row(context: Any, array_type: Any, index_type: Any, row_type: Any) -> bool:
    """Whether an index denotes a part of an array with fewer axes, in a way that is translated here."""
    return (
        _is_plain(context, array_type)
        and type(row_type) is types.Array
        and array_type.layout in "CA"
        and 0 < len(_types(index_type)) == array_type.ndim - row_type.ndim
    )


def _is_plain(context: Any, array_type: Any) -> bool:
    return type(array_type) is types.Array and isinstance(array_type.dtype, NUMBERS) and not context.enable_boundscheck


def _types(index_type: Any) -> tuple[Any, ...]:
    """The types of the whole numbers that an index consists of; none if it is another one."""
    parts = tuple(index_type) if isinstance(index_type, BaseTuple) else (index_type,)
    return parts if all(isinstance(part, types.Integer) for part in parts) else ()


def pointer(context: Any, builder: Any, array: Any, array_type: Any, index: Any, index_type: Any) -> Any:
    """The address of an element, or of the first element of a row."""
    is_tuple = isinstance(index_type, BaseTuple)
    parts = cgutils.unpack_tuple(builder, index, len(index_type)) if is_tuple else [index]
    sizes = _numbers(context, builder, array, array_type, "shape")
    indices = [
        _from_either_end(context, builder, part, type_, size)
        for type_, part, size in zip(_types(index_type), parts, sizes, strict=False)
    ]
    steps = _numbers(context, builder, array, array_type, "strides") if array_type.layout == "A" else ()
    data = context.data_model_manager[array_type].get(builder, array, "data")
    return cgutils.get_item_pointer2(context, builder, data, sizes, steps, array_type.layout, indices)


def _from_either_end(context: Any, builder: Any, part: Any, type_: Any, size: Any) -> Any:
    """The index as a number from the begin of an axis; a negative one counts from the end."""
    if not type_.signed:
        return context.cast(builder, part, type_, types.uintp)
    number = context.cast(builder, part, type_, types.intp)
    is_negative = builder.icmp_signed("<", number, number.type(0))
    return builder.select(is_negative, builder.add(number, size), number)


def row(context: Any, builder: Any, array: Any, array_type: Any, address: Any, row_type: Any) -> Any:
    """The record of the part of an array that begins at an address and has the last axes of the array."""
    model, row_model = (context.data_model_manager[each] for each in (array_type, row_type))
    sizes, steps = (
        _numbers(context, builder, array, array_type, name)[-row_type.ndim :] for name in ("shape", "strides")
    )
    count = sizes[0]
    for size in sizes[1:]:
        count = builder.mul(count, size, flags=["nsw"])
    parts = {name: model.get(builder, array, name) for name in ("meminfo", "parent", "itemsize")}
    shape, strides = (cgutils.pack_array(builder, each) for each in (sizes, steps))
    parts |= {"nitems": count, "data": address, "shape": shape, "strides": strides}
    result = context.get_constant_undef(row_type)
    for name, part in parts.items():
        result = row_model.set(builder, result, part, name)
    return result


def _numbers(context: Any, builder: Any, array: Any, array_type: Any, name: str) -> list[Any]:
    """Shape or strides of an array, one number for each axis."""
    field = context.data_model_manager[array_type].get_field_position(name)
    return [builder.extract_value(array, [field, axis]) for axis in range(array_type.ndim)]
