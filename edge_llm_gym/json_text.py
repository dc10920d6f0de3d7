"""JSON that is read and compared by line: lists of plain values take one line."""

import json
from typing import Any


def folded(data: Any, depth: int = 0) -> str:
    """JSON text, indented by one space; what holds no names, such as a list of numbers, stands on one line."""
    parts, ends = _parts(data, depth)
    if not parts:
        return json.dumps(data)
    indent = " " * (depth + 1)
    return f"{ends[0]}\n" + ",\n".join(indent + part for part in parts) + "\n" + " " * depth + ends[1]


def _parts(data: Any, depth: int) -> tuple[list[str], str]:
    """The members of a mapping, or of a list with mappings in it, and the brackets around them."""
    if isinstance(data, dict):
        return [f"{json.dumps(key)}: {folded(value, depth + 1)}" for key, value in data.items()], "{}"
    if isinstance(data, list) and any(isinstance(value, dict) for value in data):
        return [folded(value, depth + 1) for value in data], "[]"
    return [], "[]"
