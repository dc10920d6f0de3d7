"""How the arguments of a compiled function and their fields are translated: as values that are not copied or counted.

Numba copies an argument to a variable of the function, counts a reference to each array in it, and does the same for
every field that the function reads. For a record of forty arrays these are hundreds of instructions, most of the code
that a caller of other functions consists of. The arguments outlive the function, so no count is needed: a variable that
is assigned once, from an argument or from a field of one, stands for the argument here.
"""

from typing import Any, Final

from numba.core import ir
from numba.core.compiler_machinery import register_pass
from numba.core.datamodel import ArgPacker
from numba.core.lowering import Lower
from numba.core.typed_passes import BaseNativeLowering, NativeLowering
from numba.core.types import BaseNamedTuple, RangeIteratorType, RangeType  # type: ignore[attr-defined]

from edge_llm_gym.compiled import counting, elements

STAYS_A_FUNCTION: Final = "_stays_a_function"
"""Attribute of functions that are not copied into their callers."""
Path = tuple[int, ...]
"""Number of an argument, and the numbers of the fields on the way from it to a value."""


class ArgumentLower(Lower):  # type: ignore[misc]
    """Numba's lowering, where variables that stand for arguments have neither memory nor counts of references."""

    def lower_normal_function(self, fndesc: Any) -> None:
        """Called by numba for a function that is not a generator."""
        self._values = single_values(self.blocks)
        self._paths = argument_paths(self._values, self.fndesc)
        super().lower_normal_function(fndesc)
        if STAYS_A_FUNCTION in self.func_ir.func_id.func.__dict__:
            self.function.attributes.add("noinline")

    def lower_inst(self, inst: Any) -> None:
        """Called by numba for each statement."""
        if not (isinstance(inst, ir.Assign) and inst.target.name in self._paths):
            super().lower_inst(inst)

    def loadvar(self, name: str) -> Any:
        """The value of a variable."""
        if name not in self._paths:
            return super().loadvar(name)
        number, *fields = self._paths[name]
        value = self.fnargs[number]
        return self.builder.extract_value(value, fields) if fields else value

    def delvar(self, name: str) -> None:
        """Called by numba after the last use of a variable."""
        if name not in self._paths:
            super().delvar(name)

    _values: dict[str, Any] = {}  # noqa: RUF012 - of a generator, as the next
    _paths: dict[str, Path] = {}  # noqa: RUF012 - of a generator, whose arguments do not outlive it

    def lower_getitem(self, resty: Any, expr: Any, value: Any, index: Any, signature: Any) -> Any:
        """Called by numba for `value[index]`."""
        array_type, index_type = signature.args
        result_type, is_same = signature.return_type, self.typeof(value.name) == array_type
        is_row = is_same and elements.is_row(self.context, array_type, index_type, result_type)
        if not is_row and not (is_same and elements.is_element(self.context, array_type, index_type)):
            return super().lower_getitem(resty, expr, value, index, signature)
        array, address = self._address(value, index, array_type, index_type)
        if is_row:
            result = elements.row(self.context, self.builder, array, array_type, address, result_type)
            self.incref(result_type, result)
        else:
            align = None if array_type.aligned else 1
            result = self.context.unpack_value(self.builder, array_type.dtype, address, align)
        return self.context.cast(self.builder, result, result_type, resty)

    def lower_setitem(self, target_var: Any, index_var: Any, value_var: Any, signature: Any) -> Any:
        """Called by numba for `target[index] = value`."""
        array_type, index_type, value_type = signature.args
        is_number = isinstance(value_type, elements.NUMBERS) and self.typeof(target_var.name) == array_type
        if not (is_number and elements.is_element(self.context, array_type, index_type)):
            return super().lower_setitem(target_var, index_var, value_var, signature)
        _, address = self._address(target_var, index_var, array_type, index_type)
        value = self.loadvar(value_var.name)
        for type_, wanted in ((self.typeof(value_var.name), value_type), (value_type, array_type.dtype)):
            value = self.context.cast(self.builder, value, type_, wanted)
        align = None if array_type.aligned else 1
        return self.context.pack_value(self.builder, array_type.dtype, value, address, align)

    def _address(self, array_var: Any, index_var: Any, array_type: Any, index_type: Any) -> tuple[Any, Any]:
        """An array and the address of what an index denotes."""
        array, index = self.loadvar(array_var.name), self.loadvar(index_var.name)
        index = self.context.cast(self.builder, index, self.typeof(index_var.name), index_type)
        return array, elements.pointer(self.context, self.builder, array, array_type, index, index_type)

    def lower_expr(self, resty: Any, expr: Any) -> Any:
        """Called by numba for each expression."""
        lower = OWN_EXPRESSIONS.get(expr.op)
        result = lower(self, resty, expr) if lower else None
        return super().lower_expr(resty, expr) if result is None else result

    def _iterator(self, resty: Any, expr: Any) -> Any:
        """An iterator over a range; None over something else."""
        type_, name = self.typeof(expr.value.name), expr.value.name
        if not (isinstance(type_, RangeType) and type_.iterator_type == resty):
            return None
        if not counting.steps_by_one(self._values, name):
            return None
        return counting.iterator(self.context, self.builder, self.loadvar(name), resty)

    def _next(self, resty: Any, expr: Any) -> Any:
        """The next number of a range and whether there is one; None for something else."""
        type_ = self.typeof(expr.value.name)
        if not isinstance(type_, RangeIteratorType):
            return None
        return counting.next_number(self.context, self.builder, self.loadvar(expr.value.name), type_, resty)

    def _part_of_pair(self, resty: Any, expr: Any) -> Any:
        """What an iterator gave, or whether it gave something."""
        result = self.builder.extract_value(self.loadvar(expr.value.name), PAIR.index(expr.op))
        self.incref(resty, result)
        return result


PAIR: Final = ("pair_first", "pair_second")
OWN_EXPRESSIONS: Final = {
    "getiter": ArgumentLower._iterator,
    "iternext": ArgumentLower._next,
    "pair_first": ArgumentLower._part_of_pair,
    "pair_second": ArgumentLower._part_of_pair,
}


def single_values(blocks: dict[int, Any]) -> dict[str, Any]:
    """The values of the variables that are assigned once."""
    assigned: dict[str, list[Any]] = {}
    for block in blocks.values():
        for statement in block.find_insts(ir.Assign):
            assigned.setdefault(statement.target.name, []).append(statement.value)
    return {name: found[0] for name, found in assigned.items() if len(found) == 1}


def argument_paths(values: dict[str, Any], description: Any) -> dict[str, Path]:
    """The variables of a function that stand for an argument or for a field of a record in one, by `single_values`."""
    paths: dict[str, Path] = {}
    before = -1
    while len(paths) > before:
        before = len(paths)
        for name in values.keys() - paths:
            if path := _path(name, values[name], paths, description):
                paths[name] = path
    return paths


def _path(name: str, value: Any, paths: dict[str, Path], description: Any) -> Path:
    """The path of a variable that is assigned this value; empty if it has none as far as is known."""
    type_of, type_ = description.typemap, description.typemap[name]
    if isinstance(value, ir.Arg):
        return (value.index,) if description.argtypes[value.index] == type_ else ()
    if isinstance(value, ir.Var):
        return paths.get(value.name, ()) if type_of[value.name] == type_ else ()
    if not (isinstance(value, ir.Expr) and value.op == "getattr" and value.value.name in paths):
        return ()
    record = type_of[value.value.name]
    if not isinstance(record, BaseNamedTuple) or value.attr not in record.fields:
        return ()
    field = record.fields.index(value.attr)
    return (*paths[value.value.name], field) if record[field] == type_ else ()


@register_pass(mutates_CFG=True, analysis_only=False)
class ArgumentLowering(BaseNativeLowering):  # type: ignore[misc]
    """Numba's pass that translates a function to LLVM's intermediate representation, with `ArgumentLower`."""

    _name = "edge_llm_gym_lowering"
    lowering_class = ArgumentLower


def lowering_arguments(manager: Any) -> Any:
    """The passes of a pipeline with `ArgumentLowering` in place of numba's."""
    manager.passes = [(OWN.get(each, each), text) for each, text in manager.passes]
    manager.finalize()
    return manager


OWN: Final = {NativeLowering: ArgumentLowering}


def take_whole_records(context: Any) -> None:
    """Functions of this context take and pass a record as one argument, not as one for each number in it."""
    models = RecordModels(context.data_model_manager)
    context.get_arg_packer = lambda argument_types: ArgPacker(models, argument_types)


class RecordModels:
    """Numba's models of data, where records are arguments as they are rather than number by number.

    A function with a record of forty arrays has one argument for it instead of 250, which are packed in the caller and
    unpacked in the function.
    """

    def __init__(self, models: Any) -> None:
        self._models = models

    def lookup(self, type_: Any) -> Any:
        """The model of a type."""
        model = self._models.lookup(type_)
        return _WholeRecord(model) if isinstance(type_, BaseNamedTuple) else model


class _WholeRecord:
    def __init__(self, model: Any) -> None:
        self._model = model

    def get_argument_type(self) -> Any:
        return self._model.get_value_type()

    def as_argument(self, _builder: Any, value: Any) -> Any:
        return value

    def from_argument(self, _builder: Any, value: Any) -> Any:
        return value
