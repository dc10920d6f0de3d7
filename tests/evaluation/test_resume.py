"""Interrupted comparisons continue with the episodes that are missing, and end as uninterrupted ones do."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from edge_llm_gym.cli import app
from edge_llm_gym.evaluation import compare
from edge_llm_gym.evaluation.store import EpisodeStore

ENVIRONMENT = "EdgeLLM/SingleNode-v0"
POLICIES = ("edf", "random")
SHORT = {"horizon_epochs": 3}


class StopError(Exception):
    """Ends a comparison from its progress callback."""


def run(**arguments):
    settings = {"policies": POLICIES, "seeds": range(3), "bound": True, "overrides": SHORT} | arguments
    return compare(ENVIRONMENT, **settings)


def numbers(result):
    """All numbers but the wall times, as text, which is exact and equal for NaN."""
    return [{key: repr(value) for key, value in row.items() if key != "decision_ms"} for row in result.records()]


def stop_after(count):
    def report(done, of):
        if done == count:
            raise StopError

    return report


@pytest.fixture(scope="module")
def whole():
    return run()


@pytest.mark.parametrize("count", [1, 4, 8])
def test_a_comparison_continues_after_an_interruption(count, whole, tmp_path):
    """Nine results: two policies and the bound on three seeds."""
    with pytest.raises(StopError):
        run(store=tmp_path, progress=stop_after(count))
    calls = []
    result = run(store=tmp_path, progress=lambda *at: calls.append(at))
    assert calls == [(done, 9) for done in range(count, 10)]
    assert numbers(result) == numbers(whole)


def test_finished_episodes_are_not_run_again(whole, tmp_path):
    run(store=tmp_path)
    calls = []
    assert numbers(run(store=tmp_path, progress=lambda *at: calls.append(at))) == numbers(whole)
    assert calls == [(9, 9)]


def test_further_seeds_and_policies_run_only_what_is_missing(tmp_path):
    run(store=tmp_path, policies=["edf"], seeds=[0, 1], bound=False)
    calls = []
    wider = {"policies": ["edf", "sjf"], "seeds": [1, 2, 0], "bound": False}
    result = run(store=tmp_path, progress=lambda *at: calls.append(at), **wider)
    assert calls[0] == (2, 6)
    assert len(calls) == 5
    assert numbers(result) == numbers(run(**wider))


def test_another_comparison_is_refused_before_it_runs(tmp_path):
    run(store=tmp_path, policies=["edf"], seeds=[0], bound=False)
    with pytest.raises(ValueError, match=r"scenario\.horizon_epochs was 3 there and is 4 now"):
        run(store=tmp_path, policies=["edf"], seeds=[0], bound=False, overrides={"horizon_epochs": 4})
    with pytest.raises(ValueError, match="gap_every was None there and is 2 now"):
        run(store=tmp_path, policies=["edf"], seeds=[0], bound=False, gap_every=2)


def test_errors_of_the_user_leave_no_store(tmp_path):
    with pytest.raises(ValueError, match="did you mean 'edf'"):
        run(store=tmp_path, policies=["edff"])
    assert list(tmp_path.iterdir()) == []


COMMAND = ("compare", "-e", ENVIRONMENT, "-p", "edf,random", "--set", "horizon_epochs=3")
STARTED = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # where the tests run in the background, it is ignored
from edge_llm_gym.cli import main
sys.argv[0] = "edge-llm-gym"
main()
"""


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize(("number", "status", "jobs"), [(signal.SIGTERM, 143, 1), (signal.SIGINT, 130, 2)])
def test_a_signal_ends_the_command_with_its_status_and_one_line(number, status, jobs, tmp_path):
    """What it leaves, also by workers, equals what an uninterrupted comparison computes."""
    words = [*COMMAND, "-n", "2000", "-o", str(tmp_path), "-j", str(jobs)]
    process = subprocess.Popen(
        [sys.executable, "-c", STARTED, *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    path = tmp_path / "episodes.jsonl"
    while not (path.is_file() and path.read_bytes().count(b"\n") > 2):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.02)
    os.killpg(process.pid, number)  # as a terminal does for Ctrl-C
    _, errors = process.communicate(timeout=60)
    assert process.returncode == status
    kept = path.read_bytes().count(b"\n") - 1
    advice = f"{kept} results are kept in {path}; run the same command again to go on"
    lines = [line for line in errors.splitlines() if not line.startswith("compiling kernels")]
    assert lines == [f"interrupted by {number.name}; {advice}"]
    small = {"seeds": [0], "bound": False}
    store = EpisodeStore(tmp_path)
    assert numbers(run(store=store, **small)) == numbers(run(**small))
    assert store.found == kept


WORKERS = """
import os, sys, time
from pathlib import Path
from edge_llm_gym.evaluation.workers import in_workers

def wait(name):
    Path(sys.argv[1], str(os.getpid())).touch()
    time.sleep(600)

if __name__ == "__main__":
    list(in_workers(wait, range(2), 2))
"""


def runs(process):
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not Path("/proc/self/stat").is_file(), reason="reads /proc")
def test_workers_end_when_their_parent_is_killed(tmp_path):
    begun = tmp_path / "begun"
    begun.mkdir()
    parent = subprocess.Popen([sys.executable, "-c", WORKERS.replace("sys.argv[1]", repr(str(begun)))])
    while len(list(begun.iterdir())) < 2:
        assert parent.poll() is None
        time.sleep(0.05)
    workers = [int(path.name) for path in begun.iterdir()]
    assert all(map(runs, workers))
    parent.kill()
    parent.wait()
    deadline_s = time.monotonic() + 10.0
    while any(map(runs, workers)) and time.monotonic() < deadline_s:
        time.sleep(0.05)
    assert not any(map(runs, workers))


def command(*words):
    return CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)


def test_the_command_replaces_another_comparison_only_where_it_is_told_to(tmp_path):
    words = ("compare", "-e", ENVIRONMENT, "-p", "edf", "-n", 1, "--set", "horizon_epochs=3", "-o", tmp_path)
    command(*words)
    with pytest.raises(ValueError, match=r"scenario.epoch_s was 4\.0 there and is 5\.0 now.*--overwrite"):
        command(*words, "--set", "epoch_s=5")
    assert "there already" not in command(*words, "--set", "epoch_s=5", "--overwrite").output


@pytest.mark.parametrize("name", ["compare", "calibrate", "render"])
def test_a_folder_that_cannot_be_written_is_named_before_anything_runs(name, tmp_path):
    (tmp_path / "file").write_text("")
    words = ("-f", "png") if name == "render" else ()
    with pytest.raises(ValueError, match="cannot write into folder"):
        command(name, "-e", ENVIRONMENT, *words, "-o", tmp_path / "file" / "below")


def test_a_calibration_continues_and_ends_as_an_uninterrupted_one(tmp_path):
    words = ("calibrate", "-e", ENVIRONMENT, "--experts", "edf", "-n", 2, "--set", "horizon_epochs=3")
    command(*words, "-o", tmp_path / "whole")
    store = tmp_path / "cut" / "SingleNode-v0.episodes.jsonl"
    store.parent.mkdir()
    lines = (tmp_path / "whole" / store.name).read_text().splitlines(keepends=True)
    assert sum('"binding"' in line for line in lines) == 2
    store.write_text("".join(lines[:3] + lines[-1:]))
    assert "3 results were there already" in command(*words, "-o", store.parent).output
    assert sorted(map(without_time, store.read_text().splitlines())) == sorted(map(without_time, lines))
    texts = [(folder / "SingleNode-v0.json").read_text() for folder in (tmp_path / "whole", store.parent)]
    assert texts[0] == texts[1]


def without_time(line):
    data = json.loads(line)
    data.get("record", {}).pop("decision_ms", None)
    return json.dumps(data)
