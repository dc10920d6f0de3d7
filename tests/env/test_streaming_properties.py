"""Properties over random networks and actions: well-formed never raises, malformed always does and changes nothing."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from edge_llm_gym.actions import ActionError
from edge_llm_gym.env.env import EdgeLLMEnv
from edge_llm_gym.scenario import ScenarioError, load_scenario
from tests.equality import assert_same

CUTS = [[(0, 3)], [(0, 0), (1, 3)], [(0, 1), (2, 3)], [(0, 0), (1, 1), (2, 3)], [(0, 0), (1, 1), (2, 2), (3, 3)]]


@st.composite
def networks(draw) -> dict:
    """Overrides of the early-exit scenario that keep every rule: nodes in stages, links dense or sparse."""
    stages = draw(st.sampled_from(CUTS))
    sizes = [draw(st.integers(1, 3)) for _ in stages]
    names = [[f"s{stage}-{index}" for index in range(size)] for stage, size in enumerate(sizes)]
    nodes = [draw(node(name, blocks)) for names_, blocks in zip(names, stages, strict=True) for name in names_]
    links = [draw(links_between(here, there)) for here, there in pairwise(names)]
    return {
        "nodes": draw(st.permutations(nodes)),
        "links": [link for between in links for link in between],
        "exits": {
            "profile": draw(st.sampled_from(["parametric", "stdlib-lm"])),
            "blocks": draw(st.sampled_from([[8, 8, 8, 8], [1, 1, 1, 29], [20, 4, 4, 4]])),
        },
        "epoch_s": draw(st.floats(0.1, 10.0)),
        "horizon_epochs": draw(st.integers(1, 5)),
        "cost": draw(st.sampled_from(["compute", "roofline"])),
        "lm_head": draw(st.booleans()),
        "pad_prompts": draw(st.booleans()),
        "devices.count": draw(st.integers(1, 10)),
        "channel.spectral_efficiency_floor": draw(st.floats(1e-3, 7.4)),
        "arrivals": {"process": "poisson", "rate_per_s": draw(st.floats(0.01, 20.0))},
        "requests.accuracy": [0.0, draw(st.floats(0.0, 1.0))],
    }


@st.composite
def node(draw, name: str, blocks: tuple[int, int]) -> dict:
    return {
        "name": name,
        "blocks": list(blocks),
        "hardware": draw(st.sampled_from(["nvidia-l4", "jetson-agx-orin", "nvidia-a100-80gb"])),
        "quantization": draw(st.sampled_from(["fp16", "w8a16", "w4a16-gptq"])),
        "slowdown": draw(st.none() | st.builds(slowdown, st.floats(0, 20), st.floats(0.1, 20), st.floats(1, 1000))),
        "position_m": [draw(st.floats(0, 2000)), draw(st.floats(0, 2000))],
        "uplink_hz": draw(st.floats(1e4, 1e8)),
        "downlink_hz": draw(st.floats(1e4, 1e8)),
    }


def slowdown(from_s: float, length_s: float, factor: float) -> dict:
    return {"from_s": from_s, "until_s": from_s + length_s, "factor": factor}


@st.composite
def links_between(draw, here: list[str], there: list[str]) -> list[dict]:
    """Every sender has a link and every next node has one; the others are random."""
    needed = {(name, there[index % len(there)]) for index, name in enumerate(here)}
    needed |= {(here[index % len(here)], name) for index, name in enumerate(there)}
    pairs = [(a, b) for a in here for b in there if (a, b) in needed or draw(st.booleans())]
    return [
        {
            "source": a,
            "target": b,
            "rate_bps": draw(st.floats(1e3, 1e11)),
            "latency_s": draw(st.floats(0.0, 1.0)),
        }
        for a, b in pairs
    ]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(networks(), st.integers(0, 2**32 - 1))
def test_any_valid_network_takes_any_well_formed_action(changes, seed):
    env = EdgeLLMEnv("early-exit", overrides=changes)
    env.action_space.seed(seed)
    observation, _ = env.reset(seed=seed)
    for _ in range(changes["horizon_epochs"]):
        assert env.observation_space.contains(observation)
        observation, reward, _, truncated, _ = env.step(env.action_space.sample())
        assert np.isfinite(reward)
        assert env.simulator.conserves()
    assert truncated
    assert env.observation_space.contains(observation)


@pytest.fixture(scope="module")
def env() -> EdgeLLMEnv:
    return EdgeLLMEnv("early-exit", overrides={"devices.count": 2})


SHAPES = {"offload": (11, 9), "threshold": (9,)}


def is_well_formed(action) -> bool:
    return all(
        np.shape(action[key]) == shape and ((action[key] >= 0) & (action[key] <= 1)).all()
        for key, shape in SHAPES.items()
    )


def numbers(shapes):
    values = st.sampled_from([0.0, 0.5, 1.0]) | st.sampled_from([0.0, 1.0, -1.0, 1.5, np.nan])
    return arrays.arrays(st.sampled_from([np.float32, np.float64]), st.sampled_from(shapes), elements=values, fill=None)


actions = st.fixed_dictionaries(
    {
        "offload": st.one_of(numbers([(11, 9), (9, 11)]), st.just(np.zeros((11, 9))), st.just(np.ones((11, 9), int))),
        "threshold": numbers([(9,), (9,), (9,), (8,), (9, 1)]),
    }
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(actions)
def test_an_action_is_taken_exactly_if_it_is_well_formed(env, action):
    env.reset(seed=0)
    before = env.snapshot()
    if is_well_formed(action):
        env.step(action)
        return
    with pytest.raises(ActionError):
        env.step(action)
    assert_same(before.simulator.state, env.snapshot().simulator.state)


values = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True), st.integers(-5, 5), st.text(max_size=5), st.none(), st.just([])
)
PATHS = """
epoch_s nodes nodes.0.blocks nodes.5.uplink_hz links links.0.source links.0.rate_bps exits exits.blocks exits.profile
nodes.0.slowdown nodes.0.slowdown.factor nodes.0.slowdown.until_s exits.drift exits.drift.depth reward
channel.spectral_efficiency_floor dynamics slots horizon_epochs lnks
"""


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(PATHS.split()), values, min_size=1, max_size=3))
def test_a_broken_scenario_raises_a_scenario_error_and_nothing_else(changes):
    try:
        scenario = load_scenario("early-exit", changes)
    except ScenarioError as error:
        assert str(error)  # noqa: PT017 - either outcome is correct, any other exception is not
    else:
        assert scenario.network.stages >= 1
