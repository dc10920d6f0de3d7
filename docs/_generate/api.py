"""The API reference: one page for each part of the package, its modules as mkdocstrings renders them."""

from _generate.sources import API_PAGES


def api_reference(part: str) -> str:
    """Directives for mkdocstrings."""
    return "\n\n".join(f"::: {module}\n    options:\n      show_root_full_path: true" for module in API_PAGES[part])
