"""The store of finished episodes: what is read back, what a cut line loses, which comparisons are refused."""

import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from edge_llm_gym.evaluation.identity import Identity
from edge_llm_gym.evaluation.store import EpisodeStore

MINE = Identity({"environment": "A", "scenario": {"rate": 8.0, "nodes": [{"size": 1}]}}, {"edf": "edf"})
KEYS = [("episode", "edf", 0), ("episode", "edf", 1), ("bound", 0)]
RECORDS = [{"value": 1 / 3, "share": 0.1}, {"value": 1e-300, "share": math.inf}, {"bound": 7.25}]


def filled(folder: Path, identity: Identity = MINE) -> EpisodeStore:
    store = EpisodeStore(folder)
    records = store.open(identity)
    for key, record in zip(KEYS, RECORDS, strict=True):
        records.add(key, record)
    return store


def found(folder: Path, identity: Identity = MINE) -> dict:
    records = EpisodeStore(folder).open(identity)
    return {key: records[key] for key in KEYS if key in records}


def test_records_are_read_back_exactly(tmp_path):
    store = filled(tmp_path / "new" / "folder")
    assert found(tmp_path / "new" / "folder") == dict(zip(KEYS, RECORDS, strict=True))
    assert store.found == 0
    store.open(MINE)
    assert store.found == 3


def test_an_undefined_number_is_null_in_the_file_and_nan_in_records(tmp_path):
    records = EpisodeStore(tmp_path).open(MINE)
    records.add(KEYS[0], {"share": math.nan, "value": 0.0})
    assert json.loads((tmp_path / "episodes.jsonl").read_text().splitlines()[1])["record"] == {
        "share": None,
        "value": 0.0,
    }
    for record in (records[KEYS[0]], found(tmp_path)[KEYS[0]]):
        assert math.isnan(record["share"])
        assert record["value"] == 0.0


def test_a_file_cut_at_any_byte_keeps_the_complete_lines_and_can_be_continued(tmp_path):
    filled(tmp_path / "whole")
    content = (tmp_path / "whole" / "episodes.jsonl").read_bytes()
    ends = [index + 1 for index, byte in enumerate(content) if byte == ord("\n")]
    cut = tmp_path / "cut" / "episodes.jsonl"
    cut.parent.mkdir()
    around_ends = {end + shift for end in ends[1:] for shift in (-2, -1, 0, 1)} - {len(content), len(content) + 1}
    for size in sorted({*range(ends[0], len(content), 9), *around_ends}):
        cut.write_bytes(content[:size])
        complete = sum(end - 1 <= size for end in ends[1:])  # the line end itself may be missing
        assert found(cut.parent) == dict(list(zip(KEYS, RECORDS, strict=True))[:complete]), size
        EpisodeStore(cut.parent).open(MINE).add(KEYS[2], RECORDS[2])
        assert found(cut.parent)[KEYS[2]] == RECORDS[2], size


def test_lines_that_are_no_records_are_ignored(tmp_path):
    filled(tmp_path)
    with (tmp_path / "episodes.jsonl").open("ab") as file:
        file.write(b'\xff\xfe\n[1, 2]\n{"key": 3}\n{"key": ["bound", 9], "record": 4}\n\n')
    assert len(found(tmp_path)) == 3


OTHERS = {
    "a number": (Identity({"environment": "A", "scenario": {"rate": 9.5, "nodes": [{"size": 1}]}}, MINE.policies),
                 "scenario.rate was 8.0 there and is 9.5 now"),
    "in a list": (Identity({"environment": "A", "scenario": {"rate": 8.0, "nodes": [{"size": 2}]}}, MINE.policies),
                  "scenario.nodes.0.size was 1 there and is 2 now"),
    "a missing key": (Identity({"environment": "A", "scenario": {"rate": 8.0}}, MINE.policies),
                      r"scenario.nodes was \[\{'size': 1\}\] there and is absent now"),
    "a changed policy": (Identity(MINE.settings, {"edf": "edf 2"}),
                         "policy 'edf' has changed, was 'edf' there and is 'edf 2' now"),
    "without a policy": (Identity(MINE.settings, {"sjf": "sjf"}), "it has policy 'edf' too"),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_another_comparison_is_refused_by_its_difference_and_leaves_the_file(name, tmp_path):
    other, message = OTHERS[name]
    filled(tmp_path)
    before = (tmp_path / "episodes.jsonl").read_bytes()
    with pytest.raises(ValueError, match=rf"holds the episodes of another comparison: {message}; .*--out.*--overwrite"):
        EpisodeStore(tmp_path).open(other)
    assert (tmp_path / "episodes.jsonl").read_bytes() == before


def test_many_differences_are_counted_and_long_values_cut(tmp_path):
    before, after = ({f"key_{i}": f"{word}{'x' * 500}" for i in range(5)} for word in ("old", "new"))
    text = Identity(before, {}).difference(Identity(after, {}))
    assert "key_2" in text
    assert "key_3" not in text
    assert text.endswith("and 2 more differences")
    assert len(text) < 600


def test_further_policies_continue_and_bind_later_calls(tmp_path):
    filled(tmp_path)
    wider = Identity(MINE.settings, {**MINE.policies, "sjf": "sjf"})
    EpisodeStore(tmp_path).open(wider).add(("episode", "sjf", 0), {"value": 2.0})
    records = EpisodeStore(tmp_path).open(wider)
    assert records[("episode", "sjf", 0)] == {"value": 2.0}
    assert records[KEYS[0]] == RECORDS[0]
    with pytest.raises(ValueError, match="it has policy 'sjf' too"):
        EpisodeStore(tmp_path).open(MINE)


def test_overwrite_replaces_the_episodes(tmp_path):
    filled(tmp_path)
    other = OTHERS["a number"][0]
    assert KEYS[0] not in EpisodeStore(tmp_path, overwrite=True).open(other)
    assert found(tmp_path, other) == {}


def test_a_store_without_episodes_binds_no_later_comparison(tmp_path):
    EpisodeStore(tmp_path).open(MINE)
    EpisodeStore(tmp_path).open(OTHERS["a number"][0]).add(KEYS[0], RECORDS[0])
    with pytest.raises(ValueError, match=r"was 9\.5 there and is 8\.0 now"):
        EpisodeStore(tmp_path).open(MINE)


def test_episodes_without_a_description_are_refused(tmp_path):
    filled(tmp_path)
    path = tmp_path / "episodes.jsonl"
    path.write_text(path.read_text().replace('"format": 1', '"format": 2'))
    with pytest.raises(ValueError, match="no description of it"):
        EpisodeStore(tmp_path).open(MINE)


def test_results_without_their_episodes_are_not_overwritten_silently(tmp_path):
    (tmp_path / "comparison.json").write_text("{}")
    with pytest.raises(ValueError, match=r"holds comparison\.json of an older run.*--overwrite"):
        EpisodeStore(tmp_path, results=("comparison.json",)).open(MINE)
    EpisodeStore(tmp_path, overwrite=True, results=("comparison.json",)).open(MINE)


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match=r"cannot write into folder '.*file/below': Not a directory; name another"):
        EpisodeStore(tmp_path / "file" / "below").open(MINE)


FULL_DISK = """
import resource, signal, sys
from edge_llm_gym.evaluation.identity import Identity
from edge_llm_gym.evaluation.store import EpisodeStore
records = EpisodeStore(sys.argv[1]).open(Identity({"environment": "A"}, {}))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
try:
    for seed in range(100):
        records.add(("bound", seed), {"bound": float(seed), "padding": "x" * 300})
except OSError as error:
    print(seed, error)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="limits of file sizes are those of POSIX")
def test_a_full_disk_is_reported_and_keeps_what_was_written(tmp_path):
    """A limit of the file's size stands in for a full disk: the last line is cut, its write fails."""
    output = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path)], check=True, capture_output=True, text=True
    ).stdout
    failed = int(output.split()[0])
    assert failed > 2
    assert "cannot append to" in output
    assert "make room, then run the same command again" in output
    assert os.path.getsize(tmp_path / "episodes.jsonl") == 2000
    records = EpisodeStore(tmp_path).open(Identity({"environment": "A"}, {}))
    assert [seed for seed in range(100) if ("bound", seed) in records] == list(range(failed))
