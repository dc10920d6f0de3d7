"""Values and texts of bounded length for error messages: what a user gives may be megabytes long."""

import os
from reprlib import Repr
from typing import Any, Final

MAX_VALUE: Final = 160
"""Characters of a quoted value."""
MAX_TEXT: Final = 600
"""Characters of a message of another package, such as those of a parser."""


class _ShortRepr(Repr):
    """`repr` of the first items of containers and of both ends of strings, whatever their size."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel, self.maxdict, self.maxlist, self.maxtuple, self.maxset = 3, 8, 8, 8, 8
        self.maxstring = self.maxlong = self.maxother = 80

    def repr_int(self, x: int, level: int) -> str:
        """Digits of a whole number; Python refuses to write those of thousands of digits."""
        if x.bit_length() > 3 * self.maxlong:
            return f"a whole number of about {int(x.bit_length() * 0.30103)} digits"
        return repr(x)


_SHORT: Final = _ShortRepr()


def file_error(error: OSError) -> str:
    """What the operating system refused, for which path, and what to do; without the number of the error."""
    reason = error.strerror or str(error)
    if error.filename is None:
        return reason
    return f"{quoted(os.fspath(error.filename))}: {reason}; check the path and its permissions"


def quoted(value: Any) -> str:
    """`repr` of a value, shortened in the middle to at most `MAX_VALUE` characters."""
    return shortened(_SHORT.repr(value), MAX_VALUE)


def shortened(text: str, limit: int = MAX_TEXT) -> str:
    """The text, with its middle left out where it is longer than `limit` characters."""
    if len(text) <= limit:
        return text
    ends = (limit - 5) // 2
    return f"{text[:ends]} ... {text[-ends:]}"
