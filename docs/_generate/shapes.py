"""Griffe extension: keeps Markdown from reading two neighbouring shapes in a docstring, `x["a"] [R]`, as a link."""

from typing import Any

import griffe


class LiteralShapes(griffe.Extension):
    """Escapes a bracket that follows another one."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Called for every loaded object."""
        if obj.docstring is not None:
            obj.docstring.value = obj.docstring.value.replace("] [", "] \\[").replace("][", "]\\[")
