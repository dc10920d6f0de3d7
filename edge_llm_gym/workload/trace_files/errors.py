"""The error of trace files, and how values are quoted in it."""

SHOWN_CHARACTERS = 80


class TraceError(ValueError):
    """A trace file violates a rule of its format; the message names file, line, column, value and rule."""


def shown(value: object) -> str:
    """The value as Python writes it, cut to `SHOWN_CHARACTERS`."""
    text = repr(value[: SHOWN_CHARACTERS + 1] if isinstance(value, str | bytes | list) else value)
    return text if len(text) <= SHOWN_CHARACTERS + 2 else text[:SHOWN_CHARACTERS] + "..."
