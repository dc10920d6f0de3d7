"""What compiled code depends on: the source of a function, and of all modules of this package that it imports.

Numba knows the file of the function alone. A cached function contains the code of those that it calls and the values of
constants, so after a change of another module, as by an upgrade of the package, an old entry would give old results.
"""

import hashlib
import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

PACKAGE: Final = "edge_llm_gym"
ROOT: Final = Path(__file__).parents[2]
"""Folder that holds the package."""
IMPORT: Final = re.compile(
    rf"^(?:from ({PACKAGE}[\w.]*) import (\([^)]*\)|[^\n]*)|import ({PACKAGE}[\w.]*))",
    re.MULTILINE,
)
"""An import at the top of a module; imports within functions do not reach compiled code."""


def source_digest(file: Path) -> str:
    """Digest of a file and of all modules of this package that it imports, directly or through others.

    A process reads each module once; the file itself is read again when it has changed since.
    """
    status = file.stat()
    return _digest(file, status.st_mtime_ns, status.st_size)


@cache
def _digest(file: Path, _mtime_ns: int, _size: int) -> str:
    digest = hashlib.sha256(file.read_bytes())
    for path in sorted(_reachable(file.resolve())):
        digest.update(_content_digest(path))
    return digest.hexdigest()


@cache
def _reachable(file: Path) -> frozenset[Path]:
    found, left = {file}, [file]
    while left:
        for path in _imported(left.pop()):
            if path not in found:
                found.add(path)
                left.append(path)
    return frozenset(found)


@cache
def _content_digest(file: Path) -> bytes:
    return hashlib.sha256(file.read_bytes()).digest()


@cache
def _imported(file: Path) -> tuple[Path, ...]:
    """Files of the modules that a file imports."""
    text = file.read_text("utf-8")
    return tuple(path for match in IMPORT.finditer(text) for path in _files(match))


def _files(match: re.Match[str]) -> Iterator[Path]:
    source, names, module = match.groups()
    file = _module_file(source or module)
    if file is not None:
        yield file
    # Only a package, whose file is its __init__.py, holds modules; from others an import takes functions and constants.
    if file is None or file.name == "__init__.py":
        parts = (_module_file(f"{source}.{name}") for name in re.findall(r"\w+", names or ""))
        yield from (part for part in parts if part is not None)


@cache
def _module_file(name: str) -> Path | None:
    base = os.path.join(ROOT, *name.split("."))
    for path in (f"{base}.py", os.path.join(base, "__init__.py")):
        if os.path.isfile(path):
            return Path(path)
    return None
