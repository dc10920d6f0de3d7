"""The API reference: one heading for each part of the package, its modules below it as mkdocstrings renders them."""

from _generate.sources import API_PAGES


def api_reference() -> str:
    """Directives for mkdocstrings."""
    return "\n\n".join(_part(heading, modules) for heading, modules in API_PAGES.items())


def _part(heading: str, modules: tuple[str, ...]) -> str:
    directives = "\n\n".join(_module(module) for module in modules)
    return f"## {heading}\n\n{directives}"


def _module(module: str) -> str:
    return f"::: {module}\n    options:\n      heading_level: 3\n      show_root_full_path: true"
