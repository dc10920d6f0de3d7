"""Threads that wait for work, and get and return it within some microseconds.

A step of many rows takes about a millisecond, and handing a part of it over through `concurrent.futures` 85 us more
than the part. Here, both sides look for the other one for a while before they sleep on a lock.
"""

import weakref
from collections.abc import Callable, Sequence
from threading import Lock, Thread
from typing import Final

import numpy as np

from edge_llm_gym.compiled.waiting import wait_briefly

Job = Callable[[], None]
LOOKS_FOR_WORK_US: Final = 150
"""A thread that has ended its work: as long as the calling thread takes between the parts of a step, or two steps of
random actions."""
LOOKS_FOR_END_US: Final = 50
"""The caller after its own part: as long as equal parts differ."""


class _Signal:
    """One thread waits until another one says so, once."""

    def __init__(self) -> None:
        self._flag, self._lock = np.zeros(1, np.int64), Lock()
        self._lock.acquire()

    def say(self) -> None:
        """Lets the other thread go on."""
        self._flag[0] = 1
        self._lock.release()

    def wait(self, looks_us: int) -> None:
        """Waits in this thread, which sleeps after a time of looking."""
        wait_briefly(self._flag, looks_us)
        self._lock.acquire()
        self._flag[0] = 0


class _Desk:
    """Where jobs are handed over to a thread: all that both sides know."""

    def __init__(self) -> None:
        self.job: Job | None = None  # None ends the thread
        self.error: BaseException | None = None
        self.begun, self.ended = _Signal(), _Signal()

    def work(self) -> None:
        """What the thread does until it gets None for a job."""
        while True:
            self.begun.wait(LOOKS_FOR_WORK_US)
            if self.job is None:
                return
            try:
                self.job()
            except BaseException as error:
                self.error = error
            self.job = None  # keeps nothing alive
            self.ended.say()

    def give(self, job: Job | None) -> None:
        """Hands a job over; the one before has been collected."""
        self.job, self.error = job, None
        self.begun.say()

    def collect(self) -> BaseException | None:
        """Waits until the job has ended; returns its error."""
        self.ended.wait(LOOKS_FOR_END_US)
        return self.error


class HelperThreads:
    """A number of threads, which end when nothing refers to this object any more."""

    def __init__(self, count: int) -> None:
        self._desks: Final = [_Desk() for _ in range(count)]
        for desk in self._desks:
            Thread(target=desk.work, name="rows", daemon=True).start()
        weakref.finalize(self, _dismiss, self._desks)

    def run(self, first: Job, others: Sequence[Job]) -> None:
        """Does all jobs at once, the first one in this thread; there are at most as many others as threads.

        Raises the first error after all have ended.
        """
        busy: list[_Desk] = []
        try:
            for desk, job in zip(self._desks, others, strict=False):
                busy.append(desk)
                desk.give(job)
            first()
        finally:
            errors = [desk.collect() for desk in busy]
        for error in errors:
            if error is not None:
                raise error


def _dismiss(desks: Sequence[_Desk]) -> None:
    for desk in desks:
        desk.give(None)
