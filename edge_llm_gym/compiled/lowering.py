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
from numba.core.types import BaseNamedTuple  # type: ignore[attr-defined]

STAYS_A_FUNCTION: Final = "_stays_a_function"
"""Attribute of functions that are not copied into their callers."""
Path = tuple[int, ...]
"""Number of an argument, and the numbers of the fields on the way from it to a value."""


class ArgumentLower(Lower):  # type: ignore[misc]
    """Numba's lowering, where variables that stand for arguments have neither memory nor counts of references."""

    def lower_normal_function(self, fndesc: Any) -> None:
        """Called by numba for a function that is not a generator."""
        self._paths = argument_paths(self.blocks, self.fndesc)
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

    _paths: dict[str, Path] = {}  # noqa: RUF012 - of a generator, whose arguments do not outlive it


def argument_paths(blocks: dict[int, Any], description: Any) -> dict[str, Path]:
    """The variables of a function that stand for an argument or for a field of a record in one."""
    assigned: dict[str, list[Any]] = {}
    for block in blocks.values():
        for statement in block.find_insts(ir.Assign):
            assigned.setdefault(statement.target.name, []).append(statement.value)
    values = {name: found[0] for name, found in assigned.items() if len(found) == 1}
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
