"""Mutations of files: of their bytes, of the members of archives, of array headers and of the fields of texts."""

import io
import pickle
import re
import struct
import zipfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np

Random = np.random.Generator
BOMB_BYTES: Final = 1_500_000_000
"""What a small archive unpacks to: more than any limit of the readers."""
CANARY: Final = Path("/tmp/edge-llm-gym-fuzz-canary")
"""Written by pickles that are executed."""


class Payload:
    """An object whose unpickling writes the canary."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (CANARY,)


def _span(rng: Random, data: bytes) -> tuple[int, int]:
    begin = int(rng.integers(len(data) + 1))
    return begin, min(begin + int(rng.integers(1, 200)), len(data))


def flipped(rng: Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for index in rng.integers(len(data), size=int(rng.integers(1, 12))) if data else ():
        changed[index] = rng.integers(256)
    return bytes(changed)


def cut(rng: Random, data: bytes) -> bytes:
    return data[: int(rng.integers(len(data) + 1))]


def shortened_inside(rng: Random, data: bytes) -> bytes:
    begin, end = _span(rng, data)
    return data[:begin] + data[end:]


def repeated(rng: Random, data: bytes) -> bytes:
    begin, end = _span(rng, data)
    return data[:end] + data[begin:end] * int(rng.integers(1, 50)) + data[end:]


def filled(rng: Random, data: bytes) -> bytes:
    begin, end = _span(rng, data)
    return data[:begin] + bytes([(0, 255, 10, 34)[rng.integers(4)]]) * (end - begin) + data[end:]


def inserted(rng: Random, data: bytes) -> bytes:
    begin, _ = _span(rng, data)
    return data[:begin] + rng.bytes(int(rng.integers(1, 300))) + data[begin:]


def noise(rng: Random, _: bytes) -> bytes:
    return rng.bytes(int(rng.integers(3000)))


def pickled(_: Random, __: bytes) -> bytes:
    return pickle.dumps(Payload())


BYTES: Final = (flipped, flipped, cut, shortened_inside, repeated, filled, inserted, noise, pickled)


def mutated_bytes(rng: Random, data: bytes) -> bytes:
    """One of the mutations above."""
    return BYTES[rng.integers(len(BYTES))](rng, data)


def members_of(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def archive_of(members: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def _any(rng: Random, members: Mapping[str, bytes]) -> str:
    return sorted(members)[rng.integers(len(members))]


def _dropped(rng: Random, members: dict[str, bytes]) -> bytes:
    del members[_any(rng, members)]
    return archive_of(members)


def _swapped(rng: Random, members: dict[str, bytes]) -> bytes:
    one, other = _any(rng, members), _any(rng, members)
    members[one], members[other] = members[other], members[one]
    return archive_of(members)


def _renamed(rng: Random, members: dict[str, bytes]) -> bytes:
    names = ("/", "../../outside", "/etc/passwd", "a" * 3000, "confidence.npy", "data.pkl", "\N{SNOWMAN}")
    members[names[rng.integers(len(names))]] = members.pop(_any(rng, members))
    return archive_of(members)


def _other_method(rng: Random, members: dict[str, bytes]) -> bytes:
    return archive_of(members, (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, zipfile.ZIP_STORED)[rng.integers(3)])


def _other_size(rng: Random, members: dict[str, bytes]) -> bytes:
    """The directory declares another size, or another compressed size, of a member."""
    data = bytearray(archive_of(members))
    entry = data.find(b"PK\x01\x02")
    sizes = (0, 1, 2**20, 2**31, 2**32 - 2, int(rng.integers(2**32 - 1)))
    struct.pack_into("<I", data, entry + (20, 24)[rng.integers(2)], sizes[rng.integers(len(sizes))])
    return bytes(data)


def _content(rng: Random, members: dict[str, bytes]) -> bytes:
    """A member is mutated below the checksums of the archive: as an archive or an array if it is one."""
    name = _any(rng, members)
    members[name] = mutated_member(rng, members[name])
    return archive_of(members)


def _many(rng: Random, members: dict[str, bytes]) -> bytes:
    return archive_of(members | {f"m{index}": b"" for index in range(int(rng.integers(10, 300)))}, zipfile.ZIP_STORED)


@cache
def _bomb() -> bytes:
    buffer, block = io.BytesIO(), bytes(10_000_000)
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("bomb", "w") as member:
        for _ in range(BOMB_BYTES // len(block)):
            member.write(block)
    return buffer.getvalue()


def _bombed(rng: Random, members: dict[str, bytes]) -> bytes:
    """A small archive whose first member unpacks to BOMB_BYTES, under the name of one of the members."""
    name = _any(rng, members).encode()
    local, entry = _bomb().find(b"PK\x03\x04"), _bomb().rfind(b"PK\x01\x02")
    data = bytearray(_bomb()[:entry])
    data[local + 26 : local + 28] = struct.pack("<H", len(name))
    data[local + 30 : local + 34] = name
    directory = bytearray(_bomb()[entry : entry + 46])
    directory[28:30] = struct.pack("<H", len(name))
    size = len(directory) + len(name)
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, size, len(data), 0)
    return bytes(data) + bytes(directory) + name + end


ARCHIVES: Final = (
    _dropped, _swapped, _renamed, _other_method, _other_size, _content, _content, _content, _content, _many, _bombed,
)  # fmt: skip


def mutated_archive(rng: Random, data: bytes) -> bytes:
    """One of the mutations above, or one of the bytes."""
    if rng.random() < 0.35:
        return mutated_bytes(rng, data)
    return ARCHIVES[rng.integers(len(ARCHIVES))](rng, members_of(data))


DESCRIPTIONS: Final = (
    "<f4",
    "<f8",
    "|O",
    "|b1",
    "<U10",
    "<c16",
    "|V8",
    "<U0",
    "<f2",
    ">f4",
    "|S3",
    "<i8",
    "|V1000000000",
)
SHAPES: Final = (
    "(10**12,)",
    "(1000000000000,)",
    "(-1,)",
    "(0,)",
    "()",
    "(3,)",
    "(2, 2)",
    "(1000000, 1000000)",
    "(True,)",
    "'x'",
)


def mutated_array(rng: Random, data: bytes) -> bytes:
    """The header declares another dtype, shape or order; else the bytes are mutated."""
    if rng.random() < 0.3:
        return mutated_bytes(rng, data)
    length = struct.unpack_from("<H", data, 8)[0]
    fields = {
        "descr": repr(DESCRIPTIONS[rng.integers(len(DESCRIPTIONS))]),
        "fortran_order": ("True", "False", "7")[rng.integers(3)],
        "shape": SHAPES[rng.integers(len(SHAPES))],
    }
    header = "{" + ", ".join(f"{key!r}: {value}" for key, value in fields.items()) + "}\n"
    if rng.random() < 0.2:
        header = ("[" * int(rng.integers(1, 20_000)), "__import__('os')", "{" * 90, "\0")[rng.integers(4)]
    return data[:8] + struct.pack("<H", len(header) % 65536) + header.encode() + data[10 + length :]


def mutated_member(rng: Random, data: bytes) -> bytes:
    """A mutation for the kind of file that the bytes are."""
    if data[:4] == b"PK\x03\x04":
        return mutated_archive(rng, data)
    return mutated_array(rng, data) if data[:6] == b"\x93NUMPY" else mutated_bytes(rng, data)


FIELDS: Final = (
    b"", b"nan", b"inf", b"-1", b"0", b"1e999", b"1e-320", b"9" * 5000, b"\xff\xfe", b"\0", b'"', b"'", b"[" * 3000,
    b"{" * 3000, b"null", b"true", b"&a [*a]", b"*a", b"!!python/object/apply:os.system [id]", b"\xd9\xa3", b"1_000",
    b"0x10", b"x" * 300_000, b"2023-11-16 18:17:03.9799600", b"9999-99-99 00:00:00", b"1,2", b";", b"\t", b"\r", b"\n",
    b"\xef\xbb\xbf", b"%YAML 9.9",
)  # fmt: skip


SEPARATORS: Final = re.compile(rb"([,:{}\[\]]\s?)")


def mutated_text(rng: Random, data: bytes) -> bytes:
    """A field is replaced, characters are, or the bytes are mutated; sometimes the lines are shuffled."""
    share = rng.random()
    if share < 0.2:
        return mutated_bytes(rng, data)
    lines = data.split(b"\n")
    index = int(rng.integers(len(lines)))
    lines[index] = _other_field(rng, lines[index]) if share < 0.7 else _other_characters(rng, lines[index])
    if rng.random() < 0.1:
        lines = [lines[number] for number in rng.permutation(len(lines))]
    return b"\n".join(lines)


def _other_field(rng: Random, line: bytes) -> bytes:
    parts = SEPARATORS.split(line)
    parts[2 * int(rng.integers((len(parts) + 1) // 2))] = FIELDS[rng.integers(len(FIELDS))]
    return b"".join(parts)


def _other_characters(rng: Random, line: bytes) -> bytes:
    changed = bytearray(line)
    for position in rng.integers(len(line), size=int(rng.integers(1, 4))) if line else ():
        changed[position] = rng.integers(32, 127)
    return bytes(changed)


MUTATIONS: Final[Mapping[str, Callable[[Random, bytes], bytes]]] = MappingProxyType(
    {"archive": mutated_archive, "text": mutated_text}
)
"""Kind of file -> its mutations."""
