"""A short campaign of mutated files, and the faults that the campaign must notice."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.fuzz import files
from benchmarks.fuzz.file_mutations import _bombed, archive_of, members_of, mutated_archive, mutated_text
from benchmarks.fuzz.files import Kind, attempt, kinds
from benchmarks.fuzz.tally import Options
from edge_llm_gym.settings import ConfigError


def test_mutated_files_are_read_or_refused_with_their_path(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "benchmarks.fuzz.file_mutations.BOMB_BYTES", 300_000_000
    )  # above the bounds of all but networks
    monkeypatch.setattr(files, "CANARY", tmp_path / "canary")
    tally = files.run(Options(320, 2, 1, tmp_path))
    assert tally.faults == []
    refused = {name: number for name, number in tally.outcomes.items() if not name.endswith(": read")}
    assert len(refused) == len(kinds())
    assert sum(refused.values()) > 200


def test_a_bomb_declares_what_it_unpacks_to(monkeypatch):
    monkeypatch.setattr("benchmarks.fuzz.file_mutations._bomb", lambda: archive_of({"bomb": bytes(5_000_000)}))
    bomb = _bombed(np.random.default_rng(0), {"weights": b""})
    assert len(bomb) < 10_000
    assert {name: len(content) for name, content in members_of(bomb).items()} == {"weights": 5_000_000}


@pytest.mark.parametrize(
    ("mutation", "data"), [(mutated_archive, archive_of({"a": b"12"})), (mutated_text, b"a,b\n1,2")]
)
def test_a_case_repeats(mutation, data):
    for case in range(60):
        assert mutation(np.random.default_rng(case), data) == mutation(np.random.default_rng(case), data)


def reading(text: str, error: type[Exception] = ConfigError) -> Kind:
    def read(path: Path) -> None:
        raise error(text.format(path=path))

    return Kind("kind", "text", ".txt", ConfigError, read, lambda path: path.write_bytes(b"a,b\n1,2"))


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        (reading("{path} is wrong"), "ConfigError"),
        (reading("something is wrong"), "message without the path: something is wrong"),
        (reading("{path}" + "x" * 3000), "message of 3"),
        (reading("{path} is wrong", ValueError), "ValueError instead of ConfigError"),
        (reading("{path} is wrong", EOFError), "EOFError instead of ConfigError"),
    ],
)
def test_other_outcomes_are_faults(kind, outcome, tmp_path):
    kind.write(tmp_path / "kind-valid.txt")
    assert attempt(kind, tmp_path, np.random.default_rng(0)).startswith(outcome)


def test_memory_is_limited():
    with files.limited_memory(), pytest.raises(MemoryError):
        np.ones(2 * files.MEMORY_BYTES // 8)
