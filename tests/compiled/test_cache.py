"""Faults of the cache of compiled functions: the results stay right, and a later process can use the cache again."""

import errno
import importlib.util
import itertools
import shutil
from pathlib import Path
from types import ModuleType

import numba
import numpy as np
import pytest
from numba.core.caching import CacheImpl, IndexDataCacheFile, UserWideCacheLocator

from edge_llm_gym.compiled import cache

SOURCE = """
from edge_llm_gym.compiled import kernel, njit

@kernel
def total(values):
    sum = 0.0
    for index in range(values.size):
        sum += values[index]
    return sum

@njit(cache=True)
def plus_one(number):
    return number + {added}
"""
NUMBERS = itertools.count()
pytestmark = pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="nothing is compiled")


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Imports the source as a later process does: with new, uncompiled functions."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "_warned", [])

    def imported(added: int = 1, folder: str = "") -> ModuleType:
        path = tmp_path / folder / "functions.py"
        path.write_text(SOURCE.format(added=added))
        spec = importlib.util.spec_from_file_location(f"functions{next(NUMBERS)}", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return imported


def files(folder: Path, suffix: str) -> list[Path]:
    return sorted(folder.rglob(f"*{suffix}"))


def hits(module: ModuleType) -> int:
    return sum(module.total.stats.cache_hits.values())


def test_a_later_process_loads_what_was_compiled(load):
    assert load().total(np.arange(4.0)) == 6.0
    again = load()
    assert again.total(np.arange(4.0)) == 6.0
    assert hits(again) == 1


@pytest.mark.parametrize("size", [0, 7, 500])
@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
def test_a_truncated_file_is_compiled_again_and_replaced(load, tmp_path, suffix, size):
    load().total(np.arange(4.0))
    (path,) = files(tmp_path, suffix)
    path.write_bytes(path.read_bytes()[:size])
    after = load()
    assert after.total(np.arange(4.0)) == 6.0
    assert hits(after) == 0
    later = load()
    later.total(np.arange(4.0))
    assert hits(later) == 1


def test_a_full_disk_is_said_once_and_stops_nothing(load, tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(IndexDataCacheFile, "_open_for_write", refuse)
    module = load()
    with pytest.warns(RuntimeWarning, match=rf"saved in .*{tmp_path.name}.*No space left.*NUMBA_CACHE_DIR") as caught:
        results = module.total(np.arange(4.0)), module.plus_one(2)
    assert results == (6.0, 3)
    assert len(caught) == 1
    assert files(tmp_path, ".nbc") == []


def test_without_a_folder_for_the_cache_functions_are_compiled(load, monkeypatch):
    monkeypatch.setattr(CacheImpl, "_locator_classes", [])
    module = load()
    with pytest.warns(RuntimeWarning, match=r"no folder in which compiled functions can be saved.*NUMBA_CACHE_DIR"):
        assert module.total(np.arange(4.0)) == 6.0
    assert module.plus_one(2) == 3


def test_the_cache_is_looked_for_when_a_function_is_called(load, tmp_path):
    module = load()
    assert files(tmp_path / "cache", "") == []
    assert module.plus_one(2) == 3
    assert len(files(tmp_path, ".nbi")) == 1


def test_a_source_that_changes_after_the_import_is_not_what_was_compiled(load, tmp_path):
    """Training that started before an edit compiles the code of before, and must not save it as that of after."""
    before = load(added=1)
    (tmp_path / "functions.py").write_text(SOURCE.format(added=10))
    assert before.plus_one(2) == 3
    assert load(added=10).plus_one(2) == 12


@pytest.mark.parametrize("step", ["_save_data", "_save_index"])
def test_a_kill_between_the_two_files_leaves_no_code_of_another_source(load, monkeypatch, step):
    """With the index first, the index of the new source would refer to the code of the old one."""
    assert load(added=1).plus_one(2) == 3

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(cache.EntryFile, step, killed)
        with pytest.raises(KeyboardInterrupt):
            load(added=10).plus_one(2)
    assert load(added=1).plus_one(2) == 3
    assert load(added=10).plus_one(2) == 12


def test_entries_of_an_older_source_are_replaced(load, tmp_path):
    for added in (1, 10, 1):
        module = load(added)
        assert module.plus_one(2) == 2 + added
        assert module.plus_one(2.5) == 2.5 + added
        assert len(files(tmp_path, ".nbc")) == 2


def test_two_processes_that_save_at_once_keep_their_entries_apart(load, tmp_path, monkeypatch):
    """Both have seen an empty index; the later one replaces the index, but not the code of the other one."""
    first, second = load(), load()
    with monkeypatch.context() as patch:
        patch.setattr(cache.EntryFile, "_load_index", lambda _: {})
        assert first.plus_one(2) == 3
        (index,) = files(tmp_path, ".nbi")
        refers_to_the_first = index.read_bytes()
        assert second.plus_one(2.5) == 3.5
        index.write_bytes(refers_to_the_first)
    assert load().plus_one(2) == 3


def test_a_user_without_write_permission_reads_what_the_installation_compiled(load, tmp_path, monkeypatch):
    """Permissions do not stop the administrator, who may run the tests: the locators say where numba would write."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    assert load().plus_one(2) == 3
    assert len(files(tmp_path / "__pycache__", ".nbc")) == 1
    monkeypatch.setattr(UserWideCacheLocator, "get_cache_path", lambda _: str(tmp_path / "user"))
    monkeypatch.setattr(CacheImpl, "_locator_classes", [UserWideCacheLocator])
    again = load()
    assert again.plus_one(2) == 3
    assert sum(again.plus_one.stats.cache_hits.values()) == 1
    assert again.plus_one(2.5) == 3.5
    assert len(files(tmp_path / "__pycache__", ".nbc")) == 1
    assert len(files(tmp_path / "user", ".nbc")) == 1


def test_a_copy_in_another_place_is_used_and_another_processor_compiles_for_itself(load, tmp_path, monkeypatch):
    """Entries are found by the sources and by the processor, whatever the folder."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    assert load().plus_one(2) == 3
    copied = shutil.copytree(tmp_path / "__pycache__", tmp_path / "elsewhere" / "__pycache__")
    shutil.rmtree(tmp_path / "__pycache__")
    for processor, expected in ((None, 1), ("generic", 0), ("generic", 1), (None, 1)):
        monkeypatch.setattr(numba.config, "CPU_NAME", processor)
        elsewhere = load(folder="elsewhere")
        assert elsewhere.plus_one(2) == 3
        assert sum(elsewhere.plus_one.stats.cache_hits.values()) == expected
    assert len(files(copied, ".nbc")) == 2
    assert load(added=2, folder="elsewhere").plus_one(2) == 4


def test_a_folder_of_its_own_holds_nothing_of_the_installation(load, tmp_path, monkeypatch):
    """NUMBA_CACHE_DIR separates kernels with bounds checks from the others."""
    with monkeypatch.context() as patch:
        patch.setattr(numba.config, "CACHE_DIR", "")
        load().plus_one(2)
    again = load()
    assert again.plus_one(2) == 3
    assert sum(again.plus_one.stats.cache_hits.values()) == 0
