"""Properties over random scenarios and actions: well-formed never raises, malformed always does and changes nothing."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from edge_llm_gym.actions import ActionError
from edge_llm_gym.env.env import EdgeLLMEnv
from edge_llm_gym.scenario import ScenarioError, load_scenario
from tests.equality import assert_same

NODE = {
    "hardware": st.sampled_from(["nvidia-l4", "jetson-agx-orin", "nvidia-a100-80gb"]),
    "quantization": st.sampled_from(["fp16", "w8a16", "w4a16-rtn", "w4a16-gptq", "w3a16-gptq"]),
    "memory_fraction": st.floats(0.8, 1.0),
    "uplink_hz": st.floats(1e4, 1e8),
    "downlink_hz": st.floats(1e4, 1e8),
    "position_m": st.tuples(st.floats(0, 2000), st.floats(0, 2000)).map(list),
}


@st.composite
def overrides(draw) -> dict:
    """Overrides of the multi-node scenario that keep every rule."""
    nodes = draw(st.lists(st.fixed_dictionaries(NODE), min_size=1, max_size=3))
    epoch_s = draw(st.floats(0.5, 10.0))
    low = draw(st.floats(0.01, 10.0))
    return {
        "nodes": [node | {"name": f"node-{index}"} for index, node in enumerate(nodes)],
        "slots": draw(st.integers(1, 12)),
        "horizon_epochs": draw(st.integers(1, 5)),
        "epoch_s": epoch_s,
        "uplink_slot_s": epoch_s * draw(st.floats(0.01, 0.4)),
        "downlink_slot_s": epoch_s * draw(st.floats(0.01, 0.4)),
        "cost": draw(st.sampled_from(["compute", "roofline"])),
        "lm_head": draw(st.booleans()),
        "pad_prompts": draw(st.booleans()),
        "devices.count": draw(st.integers(1, 10)),
        "channel.path_loss": draw(st.sampled_from(["uma-los", "uma-nlos", "umi-los", "umi-nlos", "macro-128.1"])),
        "channel.doppler_hz": draw(st.floats(0.0, 100.0)),
        "arrivals": {"process": "poisson", "rate_per_s": draw(st.floats(0.01, 10.0))},
        "requests.budget_s": [low, low + draw(st.floats(0.0, 30.0))],
        "requests.accuracy": [0.0, draw(st.floats(0.0, 1.0))],
        "requests.value": [0.0, draw(st.floats(0.1, 10.0))],
    }


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(overrides(), st.integers(0, 2**32 - 1))
def test_any_valid_scenario_takes_any_well_formed_action(changes, seed):
    env = EdgeLLMEnv("multi-node", overrides=changes)
    env.action_space.seed(seed)
    observation, _ = env.reset(seed=seed)
    for _ in range(changes["horizon_epochs"]):
        assert env.observation_space.contains(observation)
        observation, reward, _, truncated, _ = env.step(env.action_space.sample())
        assert np.isfinite(reward)
        assert env.simulator.conserves()
        assert env.action_masks().reshape(changes["slots"], -1).any(axis=1).all()
    assert truncated
    assert env.observation_space.contains(observation)


@pytest.fixture(scope="module")
def env() -> EdgeLLMEnv:
    return EdgeLLMEnv("single-node", overrides={"slots": 6})


def is_well_formed(action) -> bool:
    batch, bandwidth = np.asarray(action["batch"]), np.asarray(action["bandwidth"])
    return bool(
        batch.shape == (6,)
        and batch.dtype.kind in "iu"
        and ((batch >= 0) & (batch <= 1)).all()
        and bandwidth.shape == (6, 2)
        and ((bandwidth >= 0) & (bandwidth <= 1)).all()
    )


any_batch = arrays.arrays(
    st.sampled_from([np.int64, np.int8, np.uint16, np.float32]),
    st.sampled_from([(6,), (5,), (6, 1), ()]),
    elements=st.integers(0, 2),
)
any_bandwidth = arrays.arrays(
    np.float32, st.sampled_from([(6, 2), (6,), (2, 6)]), elements=st.sampled_from([0.0, 0.5, 1.0, -1.0, 1.5, np.nan])
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.fixed_dictionaries({"batch": any_batch, "bandwidth": any_bandwidth}))
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
epoch_s slots nodes nodes.0.hardware nodes.0.memory_fraction arrivals.rate_per_s requests.budget_s reward channel.cap
devices.area_m lengths.kind horizon_epochs modle cost
"""
paths = st.sampled_from(PATHS.split())


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(paths, values, min_size=1, max_size=3))
def test_a_broken_scenario_raises_a_scenario_error_and_nothing_else(changes):
    try:
        scenario = load_scenario("single-node", changes)
    except ScenarioError as error:
        assert str(error)  # noqa: PT017 - either outcome is correct, any other exception is not
    else:
        assert scenario.slots >= 1
