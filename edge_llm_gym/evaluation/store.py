"""A crash-safe store of finished work: a file of JSON lines, to which each finished piece is appended.

The first line identifies the work, each further line holds one record under its key. Lines are appended whole and
flushed to the disk, and a line that a kill or a full disk cut off is no JSON and is ignored: what it held is computed
again. Two processes may append to one file; equal keys hold equal records.
"""

import json
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from edge_llm_gym.evaluation.identity import Identity
from edge_llm_gym.files import remove_leftovers, writable_folder, write_text

Key = tuple[str | int, ...]
"""What a record is about, for example ("episode", "edf", 3)."""
Record = dict[str, Any]
"""Numbers by name."""
FILE = "episodes.jsonl"
FORMAT = 1


class Records(Protocol):
    """Finished records by key."""

    def __contains__(self, key: object, /) -> bool: ...

    def __getitem__(self, key: Key, /) -> Record: ...

    def add(self, key: Key, record: Record) -> None:
        """Keeps a record."""
        ...


class MemoryRecords(dict[Key, Record]):
    """Records that end with the process."""

    def add(self, key: Key, record: Record) -> None:
        """Keeps a record."""
        self[key] = record


@dataclass
class FileRecords:
    """Records that are read from a file when it is opened, and appended to it."""

    path: Path
    _records: dict[Key, Record]

    def __post_init__(self) -> None:
        self.found = len(self._records)
        """Number of records that the file held when it was opened."""

    def __contains__(self, key: object) -> bool:
        return key in self._records

    def __getitem__(self, key: Key) -> Record:
        return self._records[key]

    def add(self, key: Key, record: Record) -> None:
        """Appends a record and waits until it is on the disk.

        Raises OSError, with advice, where it cannot be written.
        """
        line = _encoded({"key": key, "record": record})
        _append(self.path, line)
        self._records[key] = _record(json.loads(line))  # as a resumed run reads it


@dataclass
class EpisodeStore:
    """Keeps the finished episodes of one comparison in a folder, so that an interrupted one can be continued.

    Args:
        folder: the folder; made on opening.
        overwrite: replace the episodes of another comparison instead of refusing the folder.
        file: name of the file in the folder.
        results: names of the files that the caller will write beside it. One that exists without a store is refused,
            unless `overwrite` is set, since nothing tells which comparison it is of.
    """

    folder: str | Path
    overwrite: bool = False
    file: str = FILE
    results: tuple[str, ...] = ()
    records: FileRecords | None = field(default=None, init=False)
    """What was opened last."""

    @property
    def found(self) -> int:
        """Number of records that were there when the store was opened."""
        return 0 if self.records is None else self.records.found

    @property
    def kept(self) -> int:
        """Number of records in the file now."""
        return len(_parsed(_lines(self.path))[1]) if self.path.is_file() else 0

    @property
    def path(self) -> Path:
        """The file."""
        return Path(self.folder) / self.file

    def open(self, identity: Identity) -> FileRecords:
        """The records so far of the comparison that `identity` describes.

        Raises ValueError for a folder that cannot be written into, and for one that holds another comparison.
        """
        remove_leftovers(writable_folder(self.folder))
        stored, records = (None, {}) if self.overwrite else self._read(identity)
        if stored is None:
            write_text(self.path, _encoded(_header(identity)))
        elif stored != identity:  # it has further policies
            _append(self.path, _encoded(_header(identity)))
        self.records = FileRecords(self.path, records)
        return self.records

    def _read(self, identity: Identity) -> tuple[Identity | None, dict[Key, Record]]:
        """What the file holds. A file without records is of no comparison yet: nothing would be lost."""
        if not self.path.is_file():
            self._require_no_results()
            return None, {}
        stored, records = _parsed(_lines(self.path))
        if not records:
            return None, {}
        self._require_same(stored, identity)
        return stored, records

    def _require_no_results(self) -> None:
        for name in self.results:
            if (Path(self.folder) / name).exists():
                raise ValueError(
                    f"folder {str(self.folder)!r} holds {name} of an older run, without the episodes that tell what it "
                    f"is of; {self._advice}"
                )

    def _require_same(self, stored: Identity | None, identity: Identity) -> None:
        difference = "no description of it" if stored is None else stored.difference(identity)
        if difference:
            raise ValueError(
                f"{str(self.path)!r} holds the episodes of another comparison: {difference}; {self._advice}"
            )

    @property
    def _advice(self) -> str:
        return "name another folder (--out), or replace what it holds (--overwrite; in Python overwrite=True)"


def _header(identity: Identity) -> dict[str, Any]:
    return {"format": FORMAT, "settings": identity.settings, "policies": identity.policies}


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of a file that are JSON objects."""
    for line in path.read_bytes().split(b"\n"):
        try:
            data = json.loads(line)
        except ValueError:  # cut off; UnicodeDecodeError is one too
            continue
        if isinstance(data, dict):
            yield data


def _parsed(lines: Iterator[dict[str, Any]]) -> tuple[Identity | None, dict[Key, Record]]:
    """The identity, the last one if there are several, and the records. Lines of other kinds are ignored."""
    identity: Identity | None = None
    records: dict[Key, Record] = {}
    for line in lines:
        match line:
            case {"format": 1, "settings": dict(settings), "policies": dict(policies)}:
                identity = Identity(settings, policies)
            case {"key": list(key), "record": dict()}:
                records[tuple(key)] = _record(line)
    return identity, records


def _record(line: Mapping[str, Any]) -> Record:
    return {name: math.nan if value is None else value for name, value in line["record"].items()}


def _encoded(data: Mapping[str, Any]) -> str:
    """One line. JSON has no NaN: undefined numbers of a record become null."""
    record = data.get("record", {})
    defined = {name: None if value != value else value for name, value in record.items()}
    return json.dumps({**data, "record": defined} if record else data, default=float) + "\n"


def _append(path: Path, line: str) -> None:
    """Appends a line as a whole; a leading line end separates it from a line that was cut off."""
    try:
        with path.open("ab") as file:
            file.write(_separator(path) + line.encode())
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise OSError(
            f"cannot append to {str(path)!r}: {error.strerror}; make room, then run the same command again: the "
            f"finished episodes before are kept"
        ) from error


def _separator(path: Path) -> bytes:
    """A line end if the file does not end with one."""
    with path.open("rb") as file:
        if not file.seek(0, os.SEEK_END):
            return b""
        file.seek(-1, os.SEEK_END)
        return b"" if file.read(1) == b"\n" else b"\n"
