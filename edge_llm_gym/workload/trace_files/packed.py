"""Opens trace files as text, whether or not they are compressed, with a bound on what they unpack to."""

import bz2
import gzip
import io
import lzma
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, cast

from edge_llm_gym.workload.trace_files.errors import TraceError

MAX_RATIO = 200
"""Largest ratio of unpacked to packed bytes; traces reach 3 to 20."""
FREE_BYTES = 64 * 2**20
"""Up to this size any ratio is allowed."""

_MAGIC_BYTES = 6
_READ_BYTES = 2**20


def _open_gzip(file: IO[bytes]) -> IO[bytes]:
    return cast(IO[bytes], gzip.GzipFile(fileobj=file))


def _open_zip(file: IO[bytes]) -> IO[bytes]:
    archive = zipfile.ZipFile(file)
    names = [item.filename for item in archive.infolist() if not item.is_dir()]
    if len(names) != 1:
        raise zipfile.BadZipFile(f"a zip archive must hold one file, got {len(names)}; unpack it")
    return archive.open(names[0])


_OPENERS: dict[bytes, Callable[[IO[bytes]], IO[bytes]]] = {
    b"\x1f\x8b": _open_gzip,
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\x00": lzma.LZMAFile,
    b"PK\x03\x04": _open_zip,
}
"""Readers of compressed files by the bytes with which these begin."""

_UNREADABLE = {b"\x28\xb5\x2f\xfd": "zstandard", b"PAR1": "Parquet"}

PACKING_ERRORS = (
    OSError,
    EOFError,
    MemoryError,
    RuntimeError,
    ValueError,
    lzma.LZMAError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)
"""What the readers of the standard library raise for damaged files, among them NotImplementedError, a RuntimeError."""


class _Bounded(io.RawIOBase):
    """The bytes of a packed file; raises TraceError after `limit` of them. A damaged file raises TraceError as well."""

    def __init__(self, path: Path, file: IO[bytes], limit: int) -> None:
        self._path, self._file, self._left, self._limit = path, file, limit, limit

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        try:
            data = self._file.read(len(buffer))
        except PACKING_ERRORS as error:
            raise TraceError(f"{self._path}: the compressed file is damaged ({error}); get it again") from error
        buffer[: len(data)] = data
        self._left -= len(data)
        if self._left < 0:
            raise TraceError(
                f"{self._path}: a compressed trace must unpack to at most {MAX_RATIO} times its size, got more than "
                f"{self._limit} bytes; unpack it if it is to be read"
            )
        return len(data)


@contextmanager
def open_text(path: Path) -> Iterator[io.TextIOWrapper]:
    """The text of a file, UTF-8 with or without a byte order mark, line ends as "\\n".

    gzip, bzip2, xz and zip archives of one file are recognised by their first bytes, not by name. Raises TraceError for
    other compressions, damaged files, and files that unpack to more than `MAX_RATIO` times their size; OSError for a
    file that cannot be opened.
    """
    with ExitStack() as stack:
        file = stack.enter_context(path.open("rb"))
        unpacked = _unpacked(path, file)
        if unpacked is not file:
            stack.enter_context(unpacked)
            limit = max(FREE_BYTES, MAX_RATIO * path.stat().st_size)
            unpacked = io.BufferedReader(_Bounded(path, unpacked, limit), _READ_BYTES)  # type: ignore[type-var]
        yield stack.enter_context(io.TextIOWrapper(unpacked, encoding="utf-8-sig"))


def _unpacked(path: Path, file: io.BufferedReader) -> IO[bytes]:
    start = file.peek(_MAGIC_BYTES)
    for magic, kind in _UNREADABLE.items():
        if start.startswith(magic):
            raise TraceError(f"{path}: a trace must be CSV or JSON text, packed or not, got {kind}; convert it")
    for magic, opener in _OPENERS.items():
        if start.startswith(magic):
            return _opened(path, file, opener)
    return file


def _opened(path: Path, file: IO[bytes], opener: Callable[[IO[bytes]], IO[bytes]]) -> IO[bytes]:
    try:
        return opener(file)
    except PACKING_ERRORS as error:
        raise TraceError(f"{path}: the compressed file cannot be read: {error}") from error
