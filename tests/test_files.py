import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edge_llm_gym.files import replacing, write_text

KILLED_WHILE_WRITING = """
import os, signal, sys
from edge_llm_gym.files import replacing
with replacing(sys.argv[1]) as path:
    path.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_text(path, "old")
    write_text(path, "neu \u00e4")
    assert path.read_bytes() == "neu \u00e4".encode()
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.json"]


def test_an_exception_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_text(path, "old")
    with pytest.raises(ZeroDivisionError), replacing(path) as temporary:
        _write_half(temporary)
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.json"]


def test_a_killed_process_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_text(path, "old")
    ended = subprocess.run([sys.executable, "-c", KILLED_WHILE_WRITING, str(path)], check=False)
    assert ended.returncode == -9
    assert path.read_text() == "old"


def test_threads_that_replace_one_file_do_not_meet(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    with replacing(path) as first, replacing(path) as second:
        first.write_text("first")
        second.write_text("second")
    assert path.read_text() == "first"  # its block ended last
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.json"]


def test_the_suffix_is_kept_for_writers_that_choose_the_format_by_it(tmp_path: Path) -> None:
    with replacing(tmp_path / "numbers.npz") as temporary:
        np.savez(temporary, a=np.arange(3))
    with np.load(tmp_path / "numbers.npz") as archive:
        assert archive["a"].tolist() == [0, 1, 2]


def test_a_link_keeps_pointing_at_its_file(tmp_path: Path) -> None:
    target, link = tmp_path / "target.txt", tmp_path / "link.txt"
    write_text(target, "old")
    link.symlink_to(target)
    write_text(link, "new")
    assert link.is_symlink()
    assert target.read_text() == "new"


def test_a_path_that_is_no_regular_file_is_written_to(tmp_path: Path) -> None:
    with replacing(os.devnull) as path:
        assert path == Path(os.devnull)
        path.write_text("gone")
    assert not Path(os.devnull).is_file()


def _write_half(path: Path) -> None:
    path.write_text("half")
    raise ZeroDivisionError
