"""Reads zip archives and arrays from files of users: in bounded memory, and without running anything that they hold.

An archive of a few megabytes can declare gigabytes. Sizes are therefore compared with a limit before a byte is
unpacked, and no member is unpacked beyond the size that it declares.
"""

import io
import math
import zipfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.messages import quoted, shortened

Source = Path | IO[bytes]
METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Compression methods that are read: those of NumPy and PyTorch, whose unpacking stops at a given size."""
MAX_DIRECTORY_BYTES: Final = 1 << 22
"""Bound on the list of members, each of which takes about 1 KB of memory: some 90,000 members."""
PLAIN: Final = "biufU"
"""Kinds of dtypes that are read: numbers and text."""
MAX_HEADER_BYTES: Final = 10_000


class ArchiveError(ValueError):
    """An archive or array that cannot be read; the message states the reason, the caller adds path and rule."""


def member_names(source: Source) -> list[str]:
    """Names of the members. Raises ArchiveError for anything but a zip archive."""
    with _opened(source) as archive:
        return archive.namelist()


def read_members(source: Source, limit: int, names: Collection[str] | None = None) -> dict[str, bytes]:
    """The content of the named members, by default of all.

    Raises ArchiveError for anything but a zip archive, for a missing or damaged member, and if the members declare
    more than `limit` bytes together.
    """
    with _opened(source) as archive:
        wanted = list(dict.fromkeys(archive.namelist() if names is None else names))
        if missing := [name for name in wanted if name not in archive.NameToInfo]:
            raise ArchiveError(f"it lacks the member {missing[0]!r}; it has {quoted(sorted(archive.NameToInfo))}")
        _require_size(sum(archive.getinfo(name).file_size for name in wanted), limit)
        return {name: _read(archive, archive.getinfo(name)) for name in wanted}


def require_size(source: Source, limit: int) -> None:
    """Raises ArchiveError if the members declare more than `limit` bytes together, or it is no zip archive."""
    with _opened(source) as archive:
        _require_size(sum(info.file_size for info in archive.infolist()), limit)


def _require_size(size: int, limit: int) -> None:
    if size > limit:
        raise ArchiveError(f"it unpacks to {size / 1e6:.6g} MB, and at most {limit / 1e6:.6g} MB are read")


def read_array(data: bytes, name: str) -> Array:
    """The array in the bytes of an .npy file.

    Raises ArchiveError for other bytes, for objects (which would have to be unpickled) and for a header that declares
    another size than the file has.
    """
    try:
        shape, fortran, dtype, begin = _header(data)
    except Exception as error:  # NumPy parses the header as Python literals, with errors of many types
        raise ArchiveError(f"member {quoted(name)} is no plain array: {_short(error)}") from None
    declared = math.prod(shape) * dtype.itemsize
    if declared != len(data) - begin:
        raise ArchiveError(
            f"member {quoted(name)} declares {declared} bytes (shape {_short(shape)}, {_short(dtype)}) and holds "
            f"{len(data) - begin}"
        )
    flat = np.frombuffer(data, dtype, offset=begin) if declared else np.empty(math.prod(shape), dtype)
    return flat.reshape(shape, order="F" if fortran else "C").copy()


def read_arrays(source: Source, limit: int) -> dict[str, Array]:
    """The arrays of an .npz archive by name, without the ending .npy. Raises ArchiveError as the functions above."""
    members = read_members(source, limit)
    return {name.removesuffix(".npy"): read_array(data, name) for name, data in members.items()}


def _header(data: bytes) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
    stream = io.BytesIO(data)
    version = np.lib.format.read_magic(stream)
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    shape, fortran, dtype = readers[version](stream, max_header_size=MAX_HEADER_BYTES)
    if dtype.kind not in PLAIN or not dtype.itemsize:
        raise ValueError(f"it holds {dtype}, and only numbers and text are read")
    if min(shape, default=0) < 0:
        raise ValueError(f"its shape is {shape}")
    return shape, fortran, dtype, stream.tell()


@contextmanager
def _opened(source: Source) -> Iterator[zipfile.ZipFile]:
    try:
        _require_short_directory(source)
        with zipfile.ZipFile(source) as archive:
            yield archive
    except ArchiveError:
        raise
    except Exception as error:  # a damaged archive raises errors of many types, from struct.error to OverflowError
        raise ArchiveError(f"it is no zip archive that can be read: {_short(error)}") from None


def _require_short_directory(source: Source) -> None:
    with source.open("rb") if isinstance(source, Path) else _kept(source) as stream:
        end = zipfile._EndRecData(stream)  # type: ignore[attr-defined]
        if end is None:
            raise zipfile.BadZipFile("File is not a zip file")
        size = end[zipfile._ECD_SIZE]  # type: ignore[attr-defined]
        if size > MAX_DIRECTORY_BYTES:
            raise ArchiveError(f"its list of members takes {size} bytes, and at most {MAX_DIRECTORY_BYTES} are read")


@contextmanager
def _kept(stream: IO[bytes]) -> Iterator[IO[bytes]]:
    yield stream
    stream.seek(0)


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    if info.compress_type not in METHODS:
        raise ArchiveError(
            f"member {quoted(info.filename)} has compression method {info.compress_type}; use zip's deflate"
        )
    with archive.open(info) as member:
        content = member.read(info.file_size)
        if len(content) != info.file_size or member.read(1):  # the second read compares the checksum
            raise ArchiveError(f"member {quoted(info.filename)} is cut off or longer than it declares")
        return content


def _short(value: object) -> str:
    return shortened(f"{type(value).__name__}: {value}" if isinstance(value, Exception) else str(value), 200)
