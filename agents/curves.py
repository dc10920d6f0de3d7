"""The curves of a run: `progress.csv` and event files of TensorBoard, which a resumed run continues.

A checkpoint holds the position in every file. Resuming cuts the files there, so that no step is in them twice.
"""

import csv
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from stable_baselines3.common.logger import KVWriter, Logger, TensorBoardOutputFormat, filter_excluded_keys

from edge_llm_gym.files import replacing

PROGRESS, EVENTS = "progress.csv", "tensorboard"
STEP: Final = "step"
UNKNOWN_TO_RESUMED: Final = frozenset({"time/iterations"})
"""Left out of the file: the library counts these from each start of the process."""
Position = Mapping[str, Any]


class Curves:
    """The files of one run in `folder`. `open` comes first; `logger` then writes to them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.logger: Logger

    def open(self, position: Position | None = None) -> None:
        """Cuts the files to a position of `position()`, to nothing by default, and opens them."""
        lines, sizes = (0, {}) if position is None else (position["lines"], position["sizes"])
        self._cut_events(sizes)
        self._progress = ProgressFile(self._folder / PROGRESS, lines)
        events = TensorBoardOutputFormat(str(self._folder / EVENTS / "agent"))
        self.logger = Logger(str(self._folder), [events, self._progress])

    def position(self) -> dict[str, Any]:
        """The number of lines of `progress.csv`, and the size in bytes of every event file. All are flushed before."""
        return {
            "lines": self._progress.lines,
            "sizes": {self._name(path): path.stat().st_size for path in self._events()},
        }

    def _events(self) -> list[Path]:
        return sorted((self._folder / EVENTS).rglob("events.*"))

    def _name(self, path: Path) -> str:
        return path.relative_to(self._folder).as_posix()

    def _cut_events(self, sizes: Mapping[str, int]) -> None:
        for path in self._events():
            size = sizes.get(self._name(path), 0)
            if size == 0:
                path.unlink()
            elif path.stat().st_size > size:
                os.truncate(path, size)


class ProgressFile(KVWriter):
    """A CSV file with one line per dump of the logger and a column `step`; numbers and text only.

    A key that is new gets a column, for which the file is rewritten as a whole; other lines are appended.
    """

    def __init__(self, path: Path, lines: int = 0) -> None:
        """Keeps the first `lines` lines of an existing file, and the columns that have values in them."""
        self._path = path
        rows = self._rows()[:lines]
        self._keys = [key for key in (rows[0] if rows else {}) if any(row[key] for row in rows)]
        self.lines = len(rows)
        self._rewrite(rows)

    def write(self, key_values: dict[str, Any], key_excluded: dict[str, tuple[str, ...]], step: int = 0) -> None:
        """Appends a line."""
        kept = filter_excluded_keys(key_values, key_excluded, "csv")
        row = {STEP: step} | {key: value for key, value in kept.items() if key not in UNKNOWN_TO_RESUMED}
        if new := [key for key in row if key not in self._keys]:
            self._keys += new
            self._rewrite([*self._rows(), row])
        else:
            with self._path.open("a", encoding="utf-8", newline="") as file:
                csv.DictWriter(file, self._keys).writerow(row)
        self.lines += 1

    def close(self) -> None:
        """The file is open only while a line is written."""

    def _rows(self) -> list[dict[str, str]]:
        if not self._path.is_file():
            return []
        with self._path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file, restval=""))

    def _rewrite(self, rows: list[dict[str, Any]]) -> None:
        with replacing(self._path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, self._keys, restval="", extrasaction="ignore")
            writer.writeheader()
            writer.writerows(rows)
