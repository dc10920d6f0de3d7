"""The API reference: one page for each part of the package, its modules as mkdocstrings renders them."""

from _generate.sources import API_PAGES


def api_reference(part: str) -> str:
    """Directives for mkdocstrings."""
    return "\n\n".join(_directive(*entry.partition(":")) for entry in API_PAGES[part])


def _directive(module: str, _: str, members: str) -> str:
    """A whole module, or the members after its colon."""
    chosen = f"\n      members: [{members}]" if members else ""
    return f"::: {module}\n    options:\n      show_root_full_path: true{chosen}"
