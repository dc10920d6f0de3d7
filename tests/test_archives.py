"""Archives and arrays of users: what is declared is checked before it is read, and nothing is unpickled."""

import io
import pickle
import struct
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

from edge_llm_gym.archives import ArchiveError, member_names, read_array, read_arrays, read_members, require_size

MEGABYTE = 1 << 20


def archive(method: int = zipfile.ZIP_DEFLATED, **members: bytes) -> io.BytesIO:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as file:
        for name, content in members.items():
            file.writestr(name, content)
    buffer.seek(0)
    return buffer


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


def header(shape: str, descr: str = "<f4") -> bytes:
    text = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape}}}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


@pytest.mark.parametrize(
    "array", [np.arange(6.0).reshape(2, 3).T, np.array("text"), np.zeros((0, 3)), np.array([True])]
)
def test_arrays_are_read_as_numpy_writes_them(array, tmp_path: Path):
    np.savez(tmp_path / "plain.npz", values=array)
    np.savez_compressed(tmp_path / "packed.npz", values=array)
    for name in ("plain.npz", "packed.npz"):
        read = read_arrays(tmp_path / name, MEGABYTE)["values"]
        np.testing.assert_array_equal(read, array)
        assert read.dtype == array.dtype
        assert read.flags.writeable


def test_a_bomb_is_refused_before_it_is_unpacked():
    bomb = archive(big=bytes(50 * MEGABYTE))
    assert len(bomb.getvalue()) < MEGABYTE // 10
    tracemalloc.start()
    for read in (lambda: read_members(bomb, 10 * MEGABYTE), lambda: require_size(bomb, 10 * MEGABYTE)):
        with pytest.raises(ArchiveError, match=r"unpacks to 52\.4288 MB, and at most 10\.4858 MB are read"):
            read()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < MEGABYTE


def test_a_member_is_not_unpacked_beyond_what_it_declares():
    data = bytearray(archive(big=bytes(50 * MEGABYTE)).getvalue())
    struct.pack_into("<I", data, data.rfind(b"PK\x01\x02") + 24, 1000)  # the size in the directory
    tracemalloc.start()
    with pytest.raises(ArchiveError, match=r"cut off|longer|CRC"):
        read_members(io.BytesIO(data), 10 * MEGABYTE)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < MEGABYTE


def test_only_the_wanted_members_count():
    assert read_members(archive(big=bytes(50 * MEGABYTE), small=b"7"), 10, ("small",)) == {"small": b"7"}
    with pytest.raises(ArchiveError, match=r"lacks the member 'none'; it has \['small'\]"):
        read_members(archive(small=b"7"), 10, ("none",))


def test_methods_whose_unpacking_has_no_limit_are_refused():
    with pytest.raises(ArchiveError, match="compression method 12"):
        read_members(archive(zipfile.ZIP_BZIP2, a=b"7"), 10)


def test_a_long_list_of_members_is_refused(monkeypatch):
    monkeypatch.setattr("edge_llm_gym.archives.MAX_DIRECTORY_BYTES", 100)
    assert member_names(archive(a=b"")) == ["a"]
    with pytest.raises(ArchiveError, match="its list of members takes 144 bytes, and at most 100"):
        member_names(archive(aa=b"", bb=b"", cc=b""))


@pytest.mark.parametrize("data", [b"", b"PK", b"text", pickle.dumps(1)])
def test_what_is_no_archive_is_refused(data, tmp_path: Path):
    (tmp_path / "file").write_bytes(data)
    for source in (io.BytesIO(data), tmp_path / "file"):
        with pytest.raises(ArchiveError, match="no zip archive that can be read: BadZipFile"):
            member_names(source)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (header("(1000000000000,)"), r"declares 4000000000000 bytes .*and holds 0"),
        (header("(3,)") + bytes(11), r"declares 12 bytes .* and holds 11"),
        (header("(3,)") + bytes(13), r"declares 12 bytes .* and holds 13"),
        (header("(-1,)"), r"its shape is \(-1,\)"),
        (header("(1000000000000,)", "<U0"), "only numbers and text are read"),
        (header("(1,)", "|V4") + bytes(4), "only numbers and text are read"),
        (npy(np.array([{}], object)), "only numbers and text are read"),
        (header("[" * 500), "no plain array"),
        (b"\x93NUMPY\x09\x00", "no plain array"),
        (b"", "no plain array"),
    ],
)
def test_arrays_that_are_not_what_they_declare_are_refused(data, message):
    with pytest.raises(ArchiveError, match=f"member 'x' .*{message}"):
        read_array(data, "x")
