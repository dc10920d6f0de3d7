"""How functions that call one another are compiled: each once, optimised together with its callees in the entry.

Numba optimises every function with all that it calls, and translates it to machine code, before it compiles the
caller, which is then optimised with the same callees once more. Kernels are nested about ten deep, and only the
outermost one is ever run. Here a function that is called by a compiled function stays in LLVM's intermediate
representation; the function that Python calls, the entry, links all of them, optimises the whole once and translates it
to machine code.
"""

import gc
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from typing import Any, Final

import numba
from llvmlite import binding as llvm  # type: ignore[import-untyped]
from numba.core import config, types
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler, Flags
from numba.core.compiler_lock import global_compiler_lock
from numba.core.environment import lookup_environment
from numba.core.registry import CPUDispatcher
from numba.core.targetconfig import ConfigStack

from edge_llm_gym.compiled.lowering import lowering_arguments, take_whole_records
from edge_llm_gym.compiled.shortcuts import shortcuts

KNOWN_NUMBA: Final = ("0.68",)
"""Versions of numba whose internals this module was tested with."""
ENVIRONMENT: Final = "_ZN08NumbaEnv"
"""Prefix of the global variable that holds the address of a function's Environment."""


class EntryLibrary(JITCodeLibrary):  # type: ignore[misc]
    """Machine code of a function that Python calls."""

    def add_ir_module(self, ir_module: Any) -> None:
        """Takes over code, of which LLVM has a copy afterwards."""
        super().add_ir_module(ir_module)
        forget_instructions(ir_module)

    def _optimize_functions(self, ll_module: Any) -> None:
        """Left to the optimisation of the whole."""
        ll_module.data_layout = self._codegen._data_layout

    def finalize(self) -> None:
        """Links each callee once, optimises the whole and translates it to machine code."""
        self._linking_libraries: list[Any] = _own_codes(self._linking_libraries)
        super().finalize()

    def _optimize_final_module(self) -> None:
        """Optimises the whole once, by the passes of numba with other settings.

        Loops run over few slots, nodes or stages: unrolled and interleaved ones take a tenth of the first run to
        compile, and are no faster. Neighbouring operations are joined to vectors (SLP), from which DTO-EE gains a
        tenth. Numba runs cheap passes before, so that more counts of references cancel out. Kernels have few of them:
        the passes took a twentieth of the first run, and without them steps and solvers are as fast.
        """
        _hide_callees(self._final_module)
        settings = llvm.create_pipeline_tuning_options()
        settings.speed_level = config.OPT
        settings.loop_vectorization, settings.slp_vectorization = config.LOOP_VECTORIZE, True
        settings.loop_unrolling = settings.loop_interleaving = False
        builder = llvm.create_pass_builder(self._codegen._tm, settings)
        passes = builder.getModulePassManager()
        passes.add_refprune_pass()
        passes.run(self._final_module, builder)

    def _finalize_final_module(self) -> None:
        super()._finalize_final_module()
        for variable in self._final_module.global_variables:
            environment = lookup_environment(variable.name) if variable.name.startswith(ENVIRONMENT) else None
            if environment is not None and not variable.is_declaration:
                self._codegen.set_env(variable.name, environment)


class CalleeLibrary(JITCodeLibrary):  # type: ignore[misc]
    """Code of a function that compiled functions call, neither optimised nor linked with its own callees.

    There is machine code only of a function that Python calls: that of a block in object mode.
    """

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.own_code = _OwnCode(self)
        self._linked: Any = None
        self._has_machine_code = False

    @property
    def callees(self) -> list[Any]:
        """The libraries of what it calls."""
        return list(self._linking_libraries)

    def add_ir_module(self, ir_module: Any) -> None:
        """Takes over code, of which LLVM has a copy afterwards."""
        super().add_ir_module(ir_module)
        forget_instructions(ir_module)

    def _optimize_functions(self, ll_module: Any) -> None:
        """Left to the entry."""
        ll_module.data_layout = self._codegen._data_layout

    def finalize(self) -> None:
        """Ends the compilation."""
        self._raise_if_finalized()
        self._finalize_dynamic_globals()
        self._finalized = True

    def _get_module_for_linking(self) -> Any:
        """The code with that of the callees, for a caller that numba links, as one of `numba.njit`."""
        if self._linked is None:
            self._linked = self.own_code._get_module_for_linking().clone()
            for own_code in _own_codes(self._linking_libraries):
                self._linked.link_in(own_code._get_module_for_linking(), preserve=True)
        return self._linked

    def get_pointer_to_function(self, name: str) -> int:
        """The address of a function for Python, which is translated to machine code; null if there is no such one."""
        self._ensure_finalized()
        if all(function.name != name for function in self.get_defined_functions()):
            return 0
        self._has_machine_code = True
        machine_code = EntryLibrary(self._codegen, self.name)
        machine_code._final_module = self._final_module.clone()
        machine_code._linking_libraries = self._linking_libraries
        self._machine_code = machine_code
        address: int = machine_code.get_pointer_to_function(name)
        return address

    @property
    def codegen(self) -> Any:
        """Where numba stores the address of the function's Environment; entries do so for the code in them."""
        return self._codegen if self._has_machine_code else _NO_ENVIRONMENTS


def _hide_callees(module: Any) -> None:
    """Has a module use its own copies of callees: others of the same name may be loaded, which compute something else.

    Numba numbers functions, and names those that are made in closures, such as the parts of `np.sort` and `np.argsort`,
    by these numbers. Two processes give one number to different functions, and code of both may be in the cache.
    """
    for function in module.functions:
        if function.linkage == llvm.Linkage.linkonce_odr:
            function.linkage = llvm.Linkage.internal


def forget_instructions(ir_module: Any) -> None:
    """Takes instructions and blocks, a million objects, from one another, so that they are freed without a search."""
    for function in ir_module.functions:
        for block in function.blocks:
            block.instructions.clear()
        function.blocks.clear()


class _OwnCode:
    """The code of a callee without that of the functions which it calls."""

    def __init__(self, library: CalleeLibrary) -> None:
        self._library = library

    @property
    def _reload_init(self) -> Any:
        return self._library._reload_init

    def _get_module_for_linking(self) -> Any:
        return JITCodeLibrary._get_module_for_linking(self._library)


def _own_codes(libraries: Iterable[Any]) -> list[Any]:
    """The code of some libraries and of all that they call, each once, and callers before what they call.

    The order matters: the linker drops a function that nothing linked before refers to.
    """
    found: dict[Any, None] = {}

    def visit(library: Any) -> None:
        if library not in found:
            for callee in getattr(library, "callees", ()):
                visit(callee)
            found[library] = None

    for library in libraries:
        visit(library)
    return [getattr(library, "own_code", library) for library in reversed(found)]


class _NoEnvironments:
    def set_env(self, name: str, environment: Any) -> None:
        """Called once the function has been compiled."""


_NO_ENVIRONMENTS: Final = _NoEnvironments()


class OwnFlags(Flags):  # type: ignore[misc]
    """Options of a compilation by this module."""

    __slots__ = ()


class _LinkedCompiler(Compiler):  # type: ignore[misc]
    """A compiler whose functions go into libraries of one class."""

    library_class: type[JITCodeLibrary]

    def __init__(self, typing_context: Any, target_context: Any, library: Any, *rest: Any) -> None:
        if library is None:
            library = self.library_class(target_context.codegen(), type(self).__name__)
            library.enable_object_caching()
        super().__init__(typing_context, target_context, library, *rest)
        take_whole_records(self.state.targetctx)
        self.state.flags = OwnFlags(self.state.flags)

    def define_pipelines(self) -> Any:
        """The passes, called by numba."""
        return [lowering_arguments(manager) for manager in super().define_pipelines()]


class CalleeCompiler(_LinkedCompiler):
    """Compiles a function for compiled functions."""

    library_class = CalleeLibrary


class EntryCompiler(_LinkedCompiler):
    """Compiles a function for Python."""

    library_class = EntryLibrary

    def compile_extra(self, function: Callable[..., Any]) -> Any:
        """Compiles the function; also what numba itself adds is optimised in the entry only."""
        codegen = self.state.targetctx.codegen()
        before, codegen._library_class = codegen._library_class, CalleeLibrary
        try:
            return super().compile_extra(function)
        finally:
            codegen._library_class = before

    def define_pipelines(self) -> Any:
        """The passes, called when numba has noted the options.

        It compiles its own functions anew for callers with other options. Entries therefore have those of callees, and
        a wrapper for Python all the same.
        """
        self.state.flags.no_cpython_wrapper = False
        return super().define_pipelines()


class CalleeDispatcher(CPUDispatcher):  # type: ignore[misc]
    """A function for compiled functions. A literal number is passed as any number of its type.

    Numba would compile the function once for every literal, and once for numbers that are not literals.
    """

    def get_call_template(self, args: Any, kws: Any) -> Any:
        """Called by numba for the types of the arguments at each call; compiles the function for them."""
        if not isinstance(ConfigStack.top_or_none(), OwnFlags):
            return self._for_others.get_call_template(args, kws)
        return super().get_call_template(
            tuple(_plain(each) for each in args), {name: _plain(each) for name, each in kws.items()}
        )

    def add_overload(self, cres: Any) -> None:
        """Called by numba with the result of a compilation, whose types nothing reads any more: a million objects."""
        cres.fndesc.typemap = cres.fndesc.calltypes = None
        super().add_overload(cres._replace(type_annotation=None))

    def get_overload(self, sig: Any) -> Any:
        """Called by numba for the compiled function of a call."""
        if not isinstance(ConfigStack.top_or_none(), OwnFlags):
            return self._for_others.get_overload(sig)
        return super().get_overload(sig)

    @cached_property
    def _for_others(self) -> Any:
        """The function as numba compiles it, for callers that it compiles: they pass records number by number."""
        return numba.njit(**{name: value for name, value in self.targetoptions.items() if name != "nopython"})(
            self.py_func
        )


def _plain(type_: Any) -> Any:
    return type_.literal_type if isinstance(type_, (types.IntegerLiteral, types.BooleanLiteral)) else type_


class EntryDispatcher(CPUDispatcher):  # type: ignore[misc]
    """A compiled function: Python calls this one, and compiled functions call `callee`."""

    def __init__(
        self, py_func: Callable[..., Any], locals: Any = None, targetoptions: Any = None, pipeline_class: Any = None
    ) -> None:
        super().__init__(py_func, locals, targetoptions, pipeline_class or EntryCompiler)
        self.callee = CalleeDispatcher(py_func, locals, targetoptions, CalleeCompiler)

    @property
    def _numba_type_(self) -> Any:
        return self.callee._numba_type_

    def compile(self, sig: Any) -> Any:
        """Compiles the function, or loads it from the cache. The compiler makes millions of objects: looking for cycles
        among them again and again takes a tenth of its time, once at the end is enough."""
        enabled = gc.isenabled()
        gc.disable()
        try:
            with global_compiler_lock, self._turn(sig), shortcuts():
                return super().compile(sig)
        finally:
            if enabled:
                gc.enable()

    def _turn(self, sig: Any) -> AbstractContextManager[None]:
        """A block in which no other process compiles this function, if it has a cache."""
        turn = getattr(self._cache, "turn", None)
        return nullcontext() if turn is None else turn(sig, self.targetctx)


def links_as_known() -> bool:
    """Whether the installed numba is one of KNOWN_NUMBA."""
    return numba.__version__.rpartition(".")[0] in KNOWN_NUMBA


def entry(function: Callable[..., Any], **options: Any) -> EntryDispatcher:
    """Compiles a function when it is called, for Python and for compiled functions. The options are those of njit."""
    chosen = options | {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    return EntryDispatcher(function, targetoptions={"nopython": True, "boundscheck": None} | chosen)
