"""Ranges in the place of a number: validation, and the number that each reader takes."""

import re
from pathlib import Path

import numpy as np
import pytest

from edge_llm_gym.cli.options import trace_overrides
from edge_llm_gym.scenario import ScenarioError, load_scenario
from edge_llm_gym.scenario.episodes import frame_of
from edge_llm_gym.scenario.loading import scenario_data
from edge_llm_gym.scenario.size_rules import MAX_EPISODE_BYTES
from edge_llm_gym.sim.exit_rows import difficulty_shift
from edge_llm_gym.sim.streaming.constants import streaming_constants
from edge_llm_gym.workload.factory import build_workload
from edge_llm_gym.workload.trace_source import TraceSource

PROCESSES = {
    "poisson": {},
    "gamma": {"cv": 2.0},
    "day-cycle": {"depth": 0.5, "period_s": 40.0},
    "azure-conv-2023": {},
    "azure-code-2023": {},
    "trace": {"jitter_s": 0.1},
}
LENGTHS = {"kind": "choice", "prompt_tokens": [10, 20], "output_tokens": [5], "max_prompt_tokens": 64}


@pytest.fixture
def trace(tmp_path) -> Path:
    path = tmp_path / "trace.csv"
    rows = [f"2023-11-16 18:17:{second:02}.0,{100 + second},50" for second in range(0, 40, 2)]
    path.write_text("\n".join(["TIMESTAMP,ContextTokens,GeneratedTokens", *rows]) + "\n")
    return path


def workload(process: str, rate_per_s, trace: Path, own_lengths: bool = False):
    section = {"process": process, "rate_per_s": rate_per_s, **PROCESSES[process]}
    section |= {"file": str(trace)} if process == "trace" else {}
    lengths = {"kind": "trace", "max_prompt_tokens": 64} if own_lengths else LENGTHS
    overrides = {"arrivals": section, "lengths": lengths | {"max_output_tokens": 64}}
    scenario = load_scenario("single-node", overrides)
    return build_workload(scenario.arrivals, scenario.lengths)


@pytest.mark.parametrize(("process", "own_lengths"), [*((name, False) for name in PROCESSES), ("trace", True)])
def test_a_workload_at_a_rate_is_that_of_a_scenario_with_the_rate(process, own_lengths, trace):
    """From the mean of a range, to which the workload of a range is set."""
    ranged = workload(process, [2.0, 8.0], trace, own_lengths)
    assert ranged.rate_per_s == 5.0
    for rate_per_s in (2.0, 7.0):
        moved, made = ranged.at_rate(rate_per_s), workload(process, rate_per_s, trace, own_lengths)
        assert moved.rate_per_s == rate_per_s
        drawn = [source.draw(np.random.default_rng(3), 600.0) for source in (moved, made)]
        assert drawn[0].arrival_s.size > 100
        for one, other in zip(*drawn, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-9)


KEYS = {
    "arrivals.rate_per_s": (1.0, 5.0),
    "channel.shadowing_db": (0.0, 8.0),
    "exits.drift.period_s": (20.0, 60.0),
    "exits.drift.depth": (0.0, 1.0),
}
WHOLE_DRIFT = {"exits.drift": {"period_s": 30.0, "depth": 0.5}}


@pytest.mark.parametrize("key", KEYS)
def test_ranges_are_validated_and_survive_a_dump(key):
    scenario = load_scenario("early-exit", WHOLE_DRIFT | {key: list(KEYS[key])})
    *sections, name = key.split(".")
    section = scenario
    for part in sections:
        section = getattr(section, part)
    assert getattr(section, name) == KEYS[key]
    assert load_scenario(scenario_data(scenario)) == scenario
    for value, rule in (
        ([0.9, 0.1], "a range is [low, high] with low <= high"),
        ([1.0], "1: this key is required"),
        ([-1.0, -0.5], f"{key}.0: "),
        ("fast", "valid number"),
        (True, "not a truth value"),
        ([0.5, True], "not a truth value"),
    ):
        with pytest.raises(ScenarioError, match=re.escape(rule)):
            load_scenario("early-exit", WHOLE_DRIFT | {key: value})


def test_schedulers_expect_the_mean_of_a_range():
    """All readers of the rate: constants of streaming dynamics, and the sections themselves."""
    ranged = load_scenario("early-exit", {"arrivals.rate_per_s": [2.0, 6.0], "channel.shadowing_db": [2.0, 4.0]})
    plain = load_scenario("early-exit", {"arrivals.rate_per_s": 4.0, "channel.shadowing_db": 3.0})
    assert ranged.arrivals.mean_rate_per_s == 4.0
    assert ranged.arrivals.highest_rate_per_s == 6.0
    assert ranged.channel.shadowing_deviation_db == 3.0
    one, other = streaming_constants(ranged), streaming_constants(plain)
    assert one.rate_per_s == other.rate_per_s == 4.0
    np.testing.assert_array_equal(one.first_service_s, other.first_service_s)


def test_a_drift_counts_with_its_means():
    ranged = load_scenario("early-exit", {"exits.drift": {"period_s": [10.0, 30.0], "depth": [0.2, 0.6], "phase": 0.0}})
    assert difficulty_shift(ranged.exits.drift, np.array([5.0]), 0.3) == pytest.approx([0.4])


def test_the_memory_is_checked_at_the_upper_end():
    fits, high = {"arrivals.rate_per_s": [1.0, 2.0]}, {"arrivals.rate_per_s": [1.0, 1e6]}
    load_scenario("single-node", fits | {"horizon_epochs": 1000})
    with pytest.raises(ScenarioError, match=rf"with 1e\+06 requests .* {MAX_EPISODE_BYTES / 1e9:g} GB are allowed"):
        load_scenario("single-node", high | {"horizon_epochs": 1000})


def test_a_trace_of_the_command_line_takes_the_range(trace):
    scenario = load_scenario("single-node", {"arrivals.rate_per_s": [1.0, 5.0]})
    replayed = load_scenario(scenario, trace_overrides(scenario, TraceSource(str(trace))))
    assert replayed.arrivals.process == "trace"
    assert replayed.arrivals.rate_per_s == (1.0, 5.0)


def test_the_frame_of_an_episode_has_the_tape_settings_of_the_base():
    """Every key is in one of the two parts: together they are the episode's scenario."""
    base = load_scenario("early-exit")
    tape = {
        "arrivals.rate_per_s": 3.0,
        "lengths": {**LENGTHS, "max_prompt_tokens": base.lengths.max_prompt_tokens}
        | {"max_output_tokens": base.lengths.max_output_tokens},
        "requests.accuracy": [0.1, 0.2],
        "devices.area_m": [50.0, 50.0],
        "channel.carrier_hz": 2e9,
        "exits.drift": {"period_s": 11.0, "depth": 0.1},
    }
    frame = {
        "nodes.0.memory_fraction": 0.7,
        "requests.bits_per_token": 16.0,
        "devices.transmit_power_dbm": 20.0,
        "channel.spectral_efficiency_cap": 6.0,
        "exits.hidden_bits": 8.0,
        "lengths.max_prompt_tokens": base.lengths.max_prompt_tokens - 1,
        "description": "changed",
    }
    assert frame_of(base, load_scenario(base, tape)) == base
    for overrides in (frame, {**frame, **{key: value for key, value in tape.items() if key != "lengths"}}):
        assert frame_of(base, load_scenario(base, overrides)) == load_scenario(base, frame)
