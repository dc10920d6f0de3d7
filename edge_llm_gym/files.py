"""Writes files as a whole: whoever reads a path sees the old content or the new one, never a part of it."""

import os
import re
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

TEMPORARY: Final = re.compile(r"\..*\.(\d{1,9})\.tmp(\..*)?")
"""Name of a temporary file, with the id of the process that writes it."""


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A temporary path in the same folder and with the same suffix, which takes the place of `path` at the end.

    An exception in the block, and a process that is killed in it, leave `path` as it was. The folder must exist. A path
    that is no regular file, such as /dev/stdout, cannot be replaced and is given out itself.

    Raises OSError where the folder cannot be written to.
    """
    target = Path(path).resolve()
    if target.exists() and not target.is_file():
        yield target
        return
    distinct = secrets.token_hex(4)  # from other threads, and from processes of other machines with the same id
    temporary = target.with_name(f".{target.stem}.{distinct}.{os.getpid()}.tmp{target.suffix}")
    try:
        yield temporary
        _flush(temporary)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Writes text in UTF-8 in place of the file, as `replacing` does."""
    with replacing(path) as temporary:
        temporary.write_text(text, "utf-8")


def remove_leftovers(folder: str | os.PathLike[str]) -> None:
    """Removes the temporary files of processes that were killed while they wrote; a missing folder has none."""
    for path in Path(folder).glob(".*.tmp*"):
        named = TEMPORARY.fullmatch(path.name)
        if named and not _runs(int(named[1])):
            path.unlink(missing_ok=True)


def _runs(process: int) -> bool:
    """Whether a process with this id runs, under any user; assumed where signal 0 is no mere question."""
    if os.name == "nt":
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _flush(path: Path) -> None:
    """Waits until the content is on the disk, so that the new name never refers to an empty file."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def writable_folder(path: str | os.PathLike[str]) -> Path:
    """The folder, made if it does not exist, after a file was written into it and removed.

    Commands call it before they compute, so that a result can be written at the end. Raises ValueError for a folder
    that cannot be made or written into.
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"written to find out whether the folder can be")
            file.flush()
    except OSError as error:
        reason = error.strerror or str(error)
        raise ValueError(f"cannot write into folder {str(folder)!r}: {reason}; name another folder") from None
    return folder
