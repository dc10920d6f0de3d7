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
    """Overrides of joint that keep every rule: nodes stage by stage, links dense or sparse."""
    cut = draw(st.sampled_from(CUTS))
    sizes = [draw(st.integers(1, 3)) for _ in cut]
    names = [[f"s{stage}-{index}" for index in range(size)] for stage, size in enumerate(sizes)]
    nodes = [draw(node(name, blocks)) for stage, blocks in zip(names, cut, strict=True) for name in stage]
    links = [draw(links_between(here, there)) for here, there in pairwise(names)]
    deep = draw(st.permutations(nodes[sizes[0] :]))
    return {
        "nodes": [*nodes[: sizes[0]], *deep],
        "links": [link for between in links for link in between],
        "exits": {
            "profile": draw(st.sampled_from(["parametric", "stdlib-lm"])),
            "blocks": draw(st.sampled_from([[8, 8, 8, 8], [1, 1, 1, 29], [20, 4, 4, 4]])),
        },
        "slots": draw(st.integers(1, 40)),
        "epoch_s": draw(st.floats(1.0, 10.0)),
        "uplink_slot_s": draw(st.floats(1e-3, 0.5)),
        "downlink_slot_s": draw(st.floats(1e-3, 0.4)),
        "horizon_epochs": draw(st.integers(1, 5)),
        "cost": draw(st.sampled_from(["compute", "roofline"])),
        "lm_head": draw(st.booleans()),
        "pad_prompts": draw(st.booleans()),
        "devices.count": draw(st.integers(1, 10)),
        "channel.spectral_efficiency_floor": draw(st.sampled_from([0.0, 0.1])),
        "channel.shadowing_db": draw(st.floats(0.0, 30.0)),
        "arrivals": {"process": "poisson", "rate_per_s": draw(st.floats(0.01, 20.0))},
        "requests.accuracy": [0.0, draw(st.floats(0.0, 1.0))],
    }


@st.composite
def node(draw, name: str, blocks: tuple[int, int]) -> dict:
    return {
        "name": name,
        "blocks": list(blocks),
        "hardware": draw(st.sampled_from(["jetson-agx-orin", "nvidia-a100-80gb"])),
        "quantization": draw(st.sampled_from(["fp16", "w8a16", "w4a16-gptq", "w3a16-gptq"])),
        "position_m": [draw(st.floats(0, 2000)), draw(st.floats(0, 2000))],
        "uplink_hz": draw(st.floats(1e4, 1e8)),
        "downlink_hz": draw(st.floats(1e4, 1e8)),
    }


@st.composite
def links_between(draw, here: list[str], there: list[str]) -> list[dict]:
    """Every sender has a link and every next node has one; the others are random."""
    needed = {(name, there[index % len(there)]) for index, name in enumerate(here)}
    needed |= {(here[index % len(here)], name) for index, name in enumerate(there)}
    pairs = [(a, b) for a in here for b in there if (a, b) in needed or draw(st.booleans())]
    return [
        {"source": a, "target": b, "rate_bps": draw(st.floats(1e3, 1e11)), "latency_s": draw(st.floats(0.0, 1.0))}
        for a, b in pairs
    ]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(networks(), st.integers(0, 2**32 - 1))
def test_any_valid_network_takes_any_well_formed_action(changes, seed):
    env = EdgeLLMEnv("joint", overrides=changes)
    env.action_space.seed(seed)
    observation, _ = env.reset(seed=seed)
    for _ in range(changes["horizon_epochs"]):
        assert env.observation_space.contains(observation)
        observation, reward, _, truncated, info = env.step(env.action_space.sample())
        assert np.isfinite(reward)
        assert env.simulator.conserves()
        assert ((info["slots"]["exit"] > 0) == np.isin(info["slots"]["outcome"], (2, 3, 4))).all()
    assert truncated
    assert env.observation_space.contains(observation)


@pytest.fixture(scope="module")
def env() -> EdgeLLMEnv:
    return EdgeLLMEnv("joint", overrides={"devices.count": 2, "slots": 5})


SHAPES = {"batch": (5,), "bandwidth": (5, 2), "offload": (6, 6), "threshold": (6,)}


def is_well_formed(action) -> bool:
    """By definition: shapes, whole numbers from 0 to 4 in batch, numbers from 0 to 1 elsewhere."""
    fractions = [action[key] for key in ("bandwidth", "offload", "threshold")]
    return (
        all(np.shape(action[key]) == shape for key, shape in SHAPES.items())
        and action["batch"].dtype.kind in "iu"
        and all(value in range(5) for value in action["batch"].ravel().tolist())
        and all(((fraction >= 0) & (fraction <= 1)).all() for fraction in fractions)
    )


def numbers(*shapes):
    values = st.sampled_from([0.0, 0.5, 1.0]) | st.sampled_from([0.0, 1.0, 1.0, -1.0, 1.5, np.nan])
    return arrays.arrays(st.sampled_from([np.float32, np.float64]), st.sampled_from(shapes), elements=values)


def mostly(good, other):
    return st.integers(0, 4).flatmap(lambda which: other if which == 0 else st.just(good))


batches = arrays.arrays(np.int64, (5,), elements=st.integers(0, 4)) | arrays.arrays(
    st.sampled_from([np.int64, np.int8, np.float64]), st.sampled_from([(5,), (5,), (4,)]), elements=st.integers(-1, 6)
)
actions = st.fixed_dictionaries(
    {
        "batch": batches,
        "bandwidth": mostly(np.ones((5, 2)), numbers((5, 2), (5, 2), (5,))),
        "offload": mostly(np.ones((6, 6), int), numbers((6, 6), (6, 6), (6, 4))),
        "threshold": mostly(np.full(6, 0.25), numbers((6,), (6,), (7,), (6, 1))),
    }
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(actions)
def test_an_action_is_taken_exactly_if_it_is_well_formed(env, action):
    env.reset(seed=0)
    before = env.snapshot()
    if is_well_formed(action):
        env.step(action)
        assert env.simulator.state.epoch[0] == 1
        return
    with pytest.raises(ActionError, match="action"):
        env.step(action)
    assert_same(before.simulator.state, env.snapshot().simulator.state)


values = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True), st.integers(-5, 5), st.text(max_size=5), st.none(), st.just([])
)
PATHS = """
epoch_s uplink_slot_s nodes nodes.0.blocks nodes.5.blocks nodes.5.uplink_hz nodes.0.uplink_hz links links.0.source
links.0.rate_bps exits exits.blocks exits.profile nodes.0.slowdown exits.drift exits.drift.depth reward dynamics slots
nodes.4.memory_fraction horizon_epochs lnks
"""


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(PATHS.split()), values, min_size=1, max_size=3))
def test_a_broken_scenario_raises_a_scenario_error_and_nothing_else(changes):
    try:
        scenario = load_scenario("joint", changes)
    except ScenarioError as error:
        assert str(error)  # noqa: PT017 - either outcome is correct, any other exception is not
    else:
        assert scenario.network.entry_nodes.tolist() == list(range(scenario.network.entry_nodes.size))
