"""How functions that call one another are compiled: each once, optimised together with its callees in the entry.

Numba optimises every function with all that it calls, and translates it to machine code, before it compiles the caller,
which is then optimised with the same callees once more. Kernels are nested about ten deep, and only the outermost one is
ever run. Here a function that is called by a compiled function stays in LLVM's intermediate representation; the function
that Python calls, the entry, links all of them, optimises the whole once and translates it to machine code.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final

import numba
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler
from numba.core.environment import lookup_environment
from numba.core.registry import CPUDispatcher

ENVIRONMENT: Final = "_ZN08NumbaEnv"
"""Prefix of the global variable that holds the address of a function's Environment."""


class EntryLibrary(JITCodeLibrary):  # type: ignore[misc]
    """Machine code of a function that Python calls."""

    def finalize(self) -> None:
        """Links each callee once, optimises the whole and translates it to machine code."""
        self._linking_libraries = _own_codes(self._linking_libraries)
        super().finalize()

    def _finalize_final_module(self) -> None:
        super()._finalize_final_module()
        for variable in self._final_module.global_variables:
            environment = lookup_environment(variable.name) if variable.name.startswith(ENVIRONMENT) else None
            if environment is not None and not variable.is_declaration:
                self._codegen.set_env(variable.name, environment)


class CalleeLibrary(JITCodeLibrary):  # type: ignore[misc]
    """Code of a function that compiled functions call, not yet linked with its own callees: without machine code."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.own_code = _OwnCode(self)
        self._linked: Any = None

    @property
    def callees(self) -> list[Any]:
        """The libraries of what it calls."""
        return list(self._linking_libraries)

    def finalize(self) -> None:
        """Ends the compilation; nothing is linked, optimised or translated to machine code yet."""
        self._raise_if_finalized()
        self._final_module.verify()
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
        """The null pointer: there is no machine code."""
        self._ensure_finalized()
        return 0

    @property
    def codegen(self) -> Any:
        """Where numba stores the address of the function's Environment: left to the entry, which has machine code."""
        return _NO_ENVIRONMENTS


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


def _compiler(library_class: type[JITCodeLibrary], name: str) -> type[Compiler]:
    """A compiler whose functions go into libraries of a class."""

    def init(self: Any, typing_context: Any, target_context: Any, library: Any, *rest: Any) -> None:
        if library is None:
            library = library_class(target_context.codegen(), name)
            library.enable_object_caching()
        Compiler.__init__(self, typing_context, target_context, library, *rest)

    return type(f"{library_class.__name__}Compiler", (Compiler,), {"__init__": init})


class EntryDispatcher(CPUDispatcher):  # type: ignore[misc]
    """A compiled function: Python calls this one, and compiled functions call `callee`."""

    callee: Any

    @property
    def _numba_type_(self) -> Any:
        return self.callee._numba_type_


def entry(function: Callable[..., Any], **options: Any) -> EntryDispatcher:
    """Compiles a function when it is called, for Python and for compiled functions. The options are those of njit."""
    name = function.__qualname__
    dispatcher = EntryDispatcher(
        py_func=function,
        targetoptions={"nopython": True, "boundscheck": None} | options,
        pipeline_class=_compiler(EntryLibrary, name),
    )
    callee_options = options | {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    dispatcher.callee = numba.njit(pipeline_class=_compiler(CalleeLibrary, name), **callee_options)(function)
    return dispatcher
