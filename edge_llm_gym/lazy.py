"""Public names of packages whose libraries are optional: loaded on first use; the package imports without them."""

from collections.abc import Callable, Collection, Mapping
from importlib import import_module
from typing import Any


def lazy_names(
    package: str, public: Mapping[str, str], libraries: Collection[str] = (), extra: str = ""
) -> Callable[[str], Any]:
    """A module's `__getattr__`: `public` maps each name to the module that defines it.

    It raises ImportError with the extra to install where one of the `libraries` is missing, and AttributeError for an
    unknown name.
    """

    def load(name: str) -> Any:
        if name not in public:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        try:
            return getattr(import_module(public[name]), name)
        except ModuleNotFoundError as error:
            if error.name not in libraries:
                raise
            raise ImportError(
                f"{package}.{name} needs {error.name}, which is not installed: pip install 'edge-llm-gym[{extra}]'"
            ) from error

    return load
