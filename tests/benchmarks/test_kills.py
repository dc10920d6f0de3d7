"""Short kill campaigns, and that a campaign notices lost work and differing files."""

import os
import signal
import sys
from pathlib import Path

import pytest

pytest.importorskip("stable_baselines3", reason="the agents need the extra 'agents'")

from benchmarks.kills.campaign import Campaign
from benchmarks.kills.process import Moment, attempt
from benchmarks.kills.target import Target
from benchmarks.kills.targets import TARGETS

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")


@pytest.mark.parametrize(
    ("name", "kills"), [("train", 2), ("imitate", 3), ("search", 3), ("compare", 2), ("sweep", 2), ("record", 2)]
)
def test_killed_runs_resume_to_the_files_of_uninterrupted_ones(name, kills, tmp_path):
    result = Campaign(TARGETS[name](), tmp_path / name, seed=3).run(kills)
    assert result.faults == ()
    assert result.kills == kills
    assert result.finished_runs >= 1


def counting(folder: Path, tick) -> None:
    """Counts to 20 in a file."""
    folder.mkdir(exist_ok=True)
    path = folder / "count"
    for number in range(kept(folder), 20):
        path.write_text(str(number + 1))
        tick()


def kept(folder: Path) -> int:
    path = folder / "count"
    return int(path.read_text() or 0) if path.is_file() else 0


def forgetting(folder: Path, tick) -> None:
    """Counts to 20 in memory, and writes at the end how often it was called."""
    folder.mkdir(exist_ok=True)
    with (folder / "calls").open("a") as file:
        file.write("x")
    for _ in range(20):
        tick()
        (folder / "touched").write_text("")
    (folder / "count").write_text("20")


def differing_calls(whole: Path, cut: Path) -> list[str]:
    lengths = [len((folder / "calls").read_text()) for folder in (whole, cut)]
    return [] if lengths[0] == lengths[1] else [f"{lengths} calls"]


def test_lost_work_and_differences_are_faults(tmp_path):
    target = Target(forgetting, kept, 5, differing_calls)
    result = Campaign(target, tmp_path / "forgetting", seed=0).run(24)  # kills by time may all come early
    assert result.most_units_lost > 5
    assert any("units of work lost" in fault for fault in result.faults)
    assert any("calls" in fault for fault in result.faults)


@pytest.mark.parametrize("event", [1, 5])
def test_a_kill_comes_before_the_chosen_change_of_a_file(event, tmp_path):
    """Event 0 makes the folder, event n opens the file for the n-th time."""
    ended = attempt(counting, tmp_path / "run", Moment(before_event=event), tmp_path / "log")
    assert not ended.finished
    assert kept(tmp_path / "run") == ended.units == event - 1


def test_a_failing_run_is_reported_with_its_output(tmp_path):
    def failing(folder, tick):
        print("seen", file=sys.stderr, flush=True)
        raise KeyError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        attempt(failing, tmp_path, Moment(), tmp_path / "log")


def test_a_kill_by_time_is_a_kill(tmp_path):
    def sleeping(folder, tick):
        signal.pause()

    assert not attempt(sleeping, tmp_path, Moment(after_s=0.05), tmp_path / "log").finished
