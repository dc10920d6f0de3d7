"""Threads that wait for work, and get and return it within some microseconds.

A step of many rows takes about a millisecond, and handing a part of it over through `concurrent.futures` 85 us more
than the part. Here, both sides look for the other one for a while before they sleep on a lock.
"""

import weakref
from collections.abc import Callable, Sequence
from threading import Lock, Thread, current_thread
from typing import Final

import numpy as np

from edge_llm_gym.compiled.waiting import set_and_look

Job = Callable[[], None]
LOOKS_FOR_WORK_US: Final = 400
"""A thread that has ended its work: as long as the calling thread takes between the parts of a step, or two steps of
random actions."""
LOOKS_FOR_END_US: Final = 100
"""The caller after its own part: as long as equal parts differ."""
LONGEST_GOODBYE_S: Final = 5.0
"""A thread has work only where the caller was interrupted."""


class _Signal:
    """One thread waits until another one says so, once: on a lock, before which it looks at a flag for a while."""

    def __init__(self) -> None:
        self.lock, self.flag = Lock(), np.zeros(1, np.int64)
        self.lock.acquire()


class _Desk:
    """Where jobs are handed over to a thread: all that both sides know."""

    def __init__(self) -> None:
        self.job: Job | None = None  # None ends the thread
        self.error: BaseException | None = None
        self.begun, self.ended, self._nothing = _Signal(), _Signal(), np.zeros(1, np.int64)

    def work(self) -> None:
        """What the thread does until it gets None for a job."""
        own = self._nothing
        while True:
            set_and_look(own, self.begun.flag, LOOKS_FOR_WORK_US)
            self.begun.lock.acquire()
            self.begun.flag[0] = 0
            if self.job is None:
                return
            try:
                self.job()
            except BaseException as error:
                self.error = error
            self.job, own = None, self.ended.flag  # keeps nothing alive; the flag is set when the thread looks again
            self.ended.lock.release()

    def give(self, job: Job | None) -> None:
        """Hands a job over; the one before has been collected."""
        self.job, self.error, self.ended.flag[0] = job, None, 0
        self.begun.flag[0] = 1
        self.begun.lock.release()

    def collect(self) -> BaseException | None:
        """Waits until the job has ended; returns its error."""
        set_and_look(self._nothing, self.ended.flag, LOOKS_FOR_END_US)
        self.ended.lock.acquire()
        return self.error


class HelperThreads:
    """A number of threads, which end when nothing refers to this object any more."""

    def __init__(self, count: int) -> None:
        self._desks: Final = [_Desk() for _ in range(count)]
        threads = [Thread(target=desk.work, name="rows", daemon=True) for desk in self._desks]
        for thread in threads:
            thread.start()
        weakref.finalize(self, _dismiss, self._desks, threads)

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


def _dismiss(desks: Sequence[_Desk], threads: Sequence[Thread]) -> None:
    """Ends the threads, also before the interpreter ends: they must not ask for it afterwards."""
    for desk in desks:
        desk.give(None)
    for thread in threads:
        if thread is not current_thread():
            thread.join(LONGEST_GOODBYE_S)
