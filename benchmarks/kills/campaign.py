"""A campaign: runs are killed and resumed, several times in turn, until they finish; then their files are compared."""

import shutil
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.kills.process import Attempt, Moment, attempt
from benchmarks.kills.target import Target

SPREAD = 1.1
"""Kills by time come within so many durations of an uninterrupted run."""
LONGEST_CHAIN = 8
"""After so many kills a run is left to finish."""


@dataclass
class Result:
    """Counts of a campaign; the faults are one line each."""

    kills: int = 0
    kills_by_time: int = 0
    finished_runs: int = 0
    most_units_lost: int = 0
    faults: tuple[str, ...] = ()
    seconds: float = 0.0
    run_seconds: float = 0.0
    file_events: int = 0

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class Campaign:
    """Kills runs of one target, below `folder`, at moments drawn from `seed`."""

    def __init__(self, target: Target, folder: Path, seed: int) -> None:
        self._target, self._folder, self._log = target, folder, folder / "log.txt"
        self._rng = np.random.default_rng(seed)
        self.result = Result()

    def run(self, kills: int) -> Result:
        """The counts after so many kills and the end of the run that was killed last."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        begin_s = time.monotonic()
        whole = self._folder / "whole"
        self._reference(whole)
        for chain in self._chains(kills):
            self.result.finished_runs += 1
            found = self._target.differences(whole, chain)
            self.result.faults += tuple(f"{chain.name}: {line}" for line in found)
            if not found:
                shutil.rmtree(chain)
        self.result.seconds = time.monotonic() - begin_s
        return self.result

    def _reference(self, whole: Path) -> None:
        """The uninterrupted run; a first one compiles what the forked processes inherit."""
        self._target.body(self._folder / "warm-up", lambda: None)
        ended = attempt(self._target.body, whole, Moment(), self._log)
        self.result.run_seconds, self.result.file_events = ended.seconds, ended.file_events

    def _chains(self, kills: int) -> Iterator[Path]:
        """Folders of runs that were killed, resumed and finished."""
        while self.result.kills < kills:
            folder = self._folder / f"cut-{self.result.finished_runs:03d}"
            longest = min(LONGEST_CHAIN, kills - self.result.kills)
            while longest and self._is_killed(folder):
                longest -= 1
            if not longest:
                attempt(self._target.body, folder, Moment(), self._log)
            yield folder

    def _is_killed(self, folder: Path) -> bool:
        """Runs until a drawn moment; false if the run ended before it."""
        before, moment = self._target.kept(folder), self._moment()
        ended = attempt(self._target.body, folder, moment, self._log)
        if ended.finished:
            return False
        self.result.kills += 1
        self.result.kills_by_time += moment.after_s is not None
        self._check_loss(folder, before, ended)
        return True

    def _moment(self) -> Moment:
        """By time or by file event, in turn; early ones are more frequent, since a resumed run is shorter."""
        share = float(self._rng.uniform() * self._rng.uniform())
        if self.result.kills % 2:
            return Moment(before_event=int(share * self.result.file_events))
        return Moment(after_s=SPREAD * share * self.result.run_seconds)

    def _check_loss(self, folder: Path, before: int, ended: Attempt) -> None:
        lost = before + ended.units - self._target.kept(folder)
        self.result.most_units_lost = max(self.result.most_units_lost, lost)
        if lost > self._target.interval:
            self.result.faults += (f"{folder.name}: {lost} units of work lost, {self._target.interval} allowed",)
