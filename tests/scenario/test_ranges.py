"""Scenarios that would overflow, crash a kernel or need terabytes are refused, with unit, value and what to do."""

import time

import numpy as np
import pytest
import yaml

from edge_llm_gym.models.hardware_profiles import hardware_profile
from edge_llm_gym.scenario import ScenarioError, load_scenario, scenario_names
from edge_llm_gym.scenario.size_rules import bytes_per_request, channel_bytes, expected_requests
from edge_llm_gym.settings import ConfigError
from edge_llm_gym.sim.dynamics import DYNAMICS
from edge_llm_gym.sim.records import leaves
from tests.test_yaml_text import BOMB


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            {"links.1.rate_bps": 1e-300},
            r"links.1.rate_bps: this number is in bit/s and must be from 1 to 1e\+15; .*got 1e-300",
        ),
        ({"nodes.0.uplink_hz": 1e-308}, "nodes.0.uplink_hz: this number is in Hz and must be 0 or from 1000 to"),
        ({"exits.hidden_bits": 1e304}, "exits.hidden_bits: this number is in bit and must be"),
        ({"requests.bits_per_token": 1e308}, "requests.bits_per_token: this number is in bit/token and must be"),
        ({"channel.spectral_efficiency_floor": 1e-300}, "this number is in bit/s/Hz and must be 0 or from"),
        ({"channel.spectral_efficiency_floor": 9.0}, "floor must be at most spectral_efficiency_cap, got 9 and 7.4"),
        ({"channel.carrier_hz": 1e7}, "channel: the carrier must lie in"),
        (
            {"channel.doppler_hz": 1e5},
            "10000 cycles in an epoch, got 100000 Hz in an epoch of 1 s; write channel.correl",
        ),
        ({"epoch_s": 1e6, "horizon_epochs": 100_000}, r"may last 1e\+09 s.*which is 1e\+11 s; lower one of them"),
        (
            {"arrivals.rate_per_s": 1e7},
            r"has up to 1.01e\+09 requests and needs about 667 GB, of which 8 GB are allowed",
        ),
        ({"devices.count": 10_000, "horizon_epochs": 100_000}, "10000 devices has up to .* GB are allowed"),
        ({"nodes.0.usable_flops_fraction": 1e-300}, "this number must be from 1e-06 to 1; 80 %"),
        ({"lengths.max_prompt_tokens": 2**31}, "this number is in tokens and must be from 1 to 1e"),
        ({"epoch_s": True}, r"epoch_s: a number is expected, not a truth value; write the number \(got True\)"),
        ({"devices.count": True}, "devices.count: a number is expected"),
        ({"horizon_epochs": 10**5000}, "got a whole number of about 5000 digits"),
        ({"epoch_s": "1:00"}, r"valid number.*\(got '1:00'\)"),
        ({"exits.blocks": [1] * 128}, "exits.blocks: .*at most 127"),
        ({"model": "a" * 5000 + ".yaml"}, "model: there is no file"),
        ({"nodes.0.hardware": "/" * 5000}, "nodes.0.hardware: there is no file"),
        ({"exits.profile": "p" * 5000 + ".npz"}, "exits.profile: "),
        ({"lengths.kind": "trace"}, "lengths of kind 'trace' need a file"),
        ({"nodes.²": 1}, "needs an index"),
        ({5: 1}, "an override goes by a dotted path, got 5"),
    ],
)
def test_what_no_system_has_is_refused(overrides, message):
    with pytest.raises(ScenarioError, match=message) as refused:
        load_scenario("early-exit", overrides)
    assert len(str(refused.value)) < 5000


def test_numbers_that_contradict_one_another_in_other_dynamics():
    with pytest.raises(ScenarioError, match="GB are allowed"):
        load_scenario("continuous", {"arrivals.rate_per_s": 1e6})
    with pytest.raises(ScenarioError, match=r"uplink_slot_s: this number is in s and must be 0 or from 1e-06"):
        load_scenario("multi-node", {"uplink_slot_s": 1e-300})


@pytest.mark.parametrize("rate_per_s", [3.0, 1e4])
def test_high_rates_that_fit_are_taken(rate_per_s):
    assert load_scenario("multi-node", {"arrivals.rate_per_s": rate_per_s}).arrivals.rate_per_s == rate_per_s


@pytest.mark.parametrize("name", scenario_names())
def test_the_memory_of_an_episode_is_estimated_from_above(name):
    scenario = load_scenario(name)
    capacity = int(expected_requests(scenario, 100.0))
    tape, state = DYNAMICS[scenario.variant](scenario).allocate(1, capacity)
    distinct = {
        (array.__array_interface__["data"][0], array.shape): array.nbytes
        for _, array in (*leaves(tape), *leaves(state))
    }
    allocated = sum(distinct.values())
    estimated = capacity * bytes_per_request(scenario) + channel_bytes(scenario)
    assert allocated <= estimated <= 4 * allocated


@pytest.mark.parametrize("name", ["single-node", "multi-node", "joint"])
def test_a_long_text_in_a_scenario_makes_no_long_message(name):
    long = "x" * 1_700_000
    for overrides in (
        {"name": long},
        {long: 1},
        {"cost": long},
        {"reward": {long: 1.0}},
        {"model": {long: 1}},
        {"nodes": [long] * 99},
    ):
        with pytest.raises(ScenarioError) as refused:
            load_scenario(name, overrides)
        assert len(str(refused.value)) < 20_000
    with pytest.raises(ScenarioError) as refused:
        load_scenario(long)
    assert len(str(refused.value)) < 2000


def test_a_list_with_an_invalid_item_is_not_called_too_short():
    with pytest.raises(ScenarioError) as refused:
        load_scenario("single-node", {"nodes.0.count": 0})
    assert [line.split(":")[0].strip() for line in str(refused.value).splitlines()[1:]] == ["nodes.0.count"]


def test_broken_rules_are_listed_up_to_a_number():
    with pytest.raises(ScenarioError) as refused:
        load_scenario("single-node", {f"key_{index}": 0 for index in range(50)})
    assert str(refused.value).splitlines()[-1] == "  and 30 more"
    assert len(str(refused.value).splitlines()) == 22


FILES = {"scenario": "site.yaml", "model": "row.yaml", "hardware": "row.yaml"}


@pytest.mark.parametrize("place", FILES)
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"name: caf\xe9", "UTF-8"),
        (BOMB.encode(), "aliases expanded"),
        (b"[" * 20_000, "nested"),
        (b"layers: 010", "write 10"),
        (b"layers: 1\nlayers: 2", "given twice"),
    ],
)
def test_all_files_of_a_scenario_are_read_alike(tmp_path, place, content, message):
    file = tmp_path / FILES[place]
    file.write_bytes(content)
    overrides = {"model": str(file)} if place == "model" else {"nodes.0.hardware": str(file)}
    begun_s = time.process_time()
    with pytest.raises(ScenarioError, match=message) as refused:
        load_scenario(file) if place == "scenario" else load_scenario("single-node", overrides)
    assert file.name in str(refused.value)
    assert time.process_time() - begun_s < 5.0


def test_hardware_profiles_are_read_alike(tmp_path):
    file = tmp_path / "profile.yaml"
    file.write_bytes(b"device: caf\xe9")
    with pytest.raises(ConfigError, match=r"profile\.yaml: the text must be encoded in UTF-8"):
        hardware_profile(file)
    row = {"model": "m", "weight_bits": 16.0, "decode": {"c0_s": 1e-300, "c1_s": 0.0, "c2_s_per_token": 0.0}}
    file.write_text(yaml.safe_dump({"device": "d", "source": "s", "rows": [row]}))
    with pytest.raises(ConfigError, match=r"rows.0.decode.c0_s: this number is in s and must be from 1e-09"):
        hardware_profile(file)


def test_values_nested_too_deep_in_a_mapping():
    value: list = []
    for _ in range(5000):
        value = [value]
    for source, overrides in (({"name": value}, None), ("single-node", {"name": value})):
        with pytest.raises(ScenarioError, match="nested too deep"):
            load_scenario(source, overrides)


def test_bits_of_rounded_payloads_stay_in_the_space():
    """A payload of 0.6 bits is rounded to one bit, which is more than the largest payload."""
    from edge_llm_gym.env.env import EdgeLLMEnv

    payload = {"probability": 1.0, "bits": [10.6, 10.6]}
    env = EdgeLLMEnv("single-node", {"requests.bits_per_token": 0.0, "requests.uplink_payload": payload})
    observation, _ = env.reset(seed=0)
    assert observation["request_mask"].sum() > 5
    assert np.max(observation["requests"]) == 1.0
    assert env.observation_space.contains(observation)
