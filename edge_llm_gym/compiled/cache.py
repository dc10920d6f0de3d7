"""The cache of compiled functions on the disk, whose faults do not end the program."""

import glob
import hashlib
import inspect
import itertools
import os
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from numba.core.caching import FunctionCache, IndexDataCacheFile, NullCache, UserWideCacheLocator

from edge_llm_gym.compiled.sources import source_digest
from edge_llm_gym.compiled.turns import turn

ADVICE: Final = (
    "the program goes on, and every process compiles them again; free space, or delete the files *.nbi and *.nbc in "
    "that folder, or set the environment variable NUMBA_CACHE_DIR to a folder that can be written to"
)


class EntryFile(IndexDataCacheFile):  # type: ignore[misc]
    """Index and entries of one function.

    Numba writes the index before the entry and numbers the entries. A process that is killed in between, and two
    processes that save at once, then leave an index that refers to an older entry or to one of other argument types.
    Here the entry is written first, and named after its key and the source.
    """

    def save(self, key: Any, data: Any) -> None:
        """Saves an entry, then the index with it. The first entry of a source replaces those of older ones."""
        overloads = self._load_index()
        name = overloads.get(key) or self._unused_name(key, set(overloads.values()))
        self._save_data(name, data)
        self._save_index(overloads | {key: name})
        if not overloads:
            self._remove_others(name)

    def _unused_name(self, key: Any, used: set[str]) -> str:
        for number in itertools.count():
            digest = hashlib.sha256(f"{key} {self._source_stamp!r} {number}".encode()).hexdigest()
            if (name := f"{self._base}.{digest[:16]}.nbc") not in used:
                break
        return name

    @property
    def _base(self) -> str:
        return self._index_name.removesuffix(".nbi")

    def _remove_others(self, kept: str) -> None:
        for path in Path(self._cache_path).glob(f"{glob.escape(self._base)}.*.nbc"):
            if path.name != kept:
                path.unlink(missing_ok=True)

    def holds(self, key: Any) -> bool:
        """Whether there is an entry, which may not be readable."""
        try:
            return key in self._load_index()
        except Exception:  # whatever unpickling raises
            return False

    def forget(self) -> None:
        """Removes the index, which needs no space on the disk."""
        with suppress(OSError):
            os.unlink(self._index_path)


class KernelCache(FunctionCache):  # type: ignore[misc]
    """The cache of one function, whose faults cost the time of a compilation.

    Entries hold for the sources that the function was compiled from, see `compiled.sources`.

    Where the folder of the source cannot be written to, as in an installation for all users, numba keeps entries in a
    folder of the user and no longer reads those beside the source, which the installation may have compiled. Here they
    are read.
    """

    def __init__(self, function: Callable[..., Any], stamp: str) -> None:
        super().__init__(function)
        locator, base = self._impl.locator, self._impl.filename_base
        self._cache_file = EntryFile(self._cache_path, base, stamp)
        self._installed: EntryFile | None = None
        if isinstance(locator, UserWideCacheLocator):
            beside = Path(inspect.getfile(function)).parent / "__pycache__"
            self._installed = EntryFile(str(beside), base, stamp)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The compiled code for a signature; None if there is none that can be read."""
        return self._load(self._cache_file, sig, target_context) or self._load(self._installed, sig, target_context)

    def turn(self, sig: Any, target_context: Any) -> AbstractContextManager[None]:
        """A block in which no other process compiles the function; at once where the code for a signature is saved."""
        key = self._index_key(sig, target_context.codegen())
        if any(file is not None and file.holds(key) for file in (self._cache_file, self._installed)):
            return nullcontext()
        return turn(Path(self._cache_path) / f"{self._impl.filename_base}.lock")

    def _load(self, file: EntryFile | None, sig: Any, target_context: Any) -> Any:
        if file is None:
            return None
        target_context.refresh()
        try:
            data = file.load(self._index_key(sig, target_context.codegen()))
            return None if data is None else self._impl.rebuild(target_context, data)
        except Exception:  # whatever unpickling raises: truncated, or records were renamed since
            file.forget()
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Saves compiled code, or warns that it cannot be saved."""
        try:
            super().save_overload(sig, data)
        except OSError as error:
            warn_once(f"compiled functions cannot be saved in {self._cache_path} ({error}): {ADVICE}")


class CacheOnDemand:
    """The cache of one function, which is looked for when the function is called.

    A process calls few of the hundreds of functions that it imports. The sources are those at the time of the import: a
    file that changes later is not what the process compiles.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function, self._stamp = function, source_digest(Path(inspect.getfile(function)))

    @cached_property
    def _cache(self) -> Any:
        return cache_of(self._function, self._stamp)

    def turn(self, sig: Any, target_context: Any) -> AbstractContextManager[None]:
        """A block in which no other process compiles the function for this signature."""
        cache = self._cache
        return cache.turn(sig, target_context) if isinstance(cache, KernelCache) else nullcontext()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cache, name)


def cache_of(function: Callable[..., Any], stamp: str) -> Any:
    """The cache of a function for sources of this digest.

    One that keeps nothing, with a warning, where no folder can be written to.
    """
    try:
        return KernelCache(function, stamp)
    except (RuntimeError, OSError) as error:
        warn_once(f"there is no folder in which compiled functions can be saved ({error}): {ADVICE}")
        return NullCache()


_warned: Final[list[str]] = []


def warn_once(text: str) -> None:
    """The first warning of the process about its cache; hundreds of functions would repeat it."""
    if not _warned:
        _warned.append(text)
        warnings.warn(text, RuntimeWarning, stacklevel=2)
