"""The index and tilt codecs against what they bend, and the flat layouts against the spaces of all codecs."""

import numpy as np
import pytest

from agents.codecs import make_codec
from agents.config import read_config
from agents.evaluation import make_envs
from agents.index_codec import BENT
from agents.layouts import blocks_of, flat_size
from agents.policies import check_layout
from agents.tilt_codec import RELIEF, steady_plan
from edge_llm_gym.codecs import CODECS
from edge_llm_gym.sim.streaming.observation import NODE_FEATURES

SETTINGS = {
    ("batching", "priority"): [{}, {"caps": True}],
    ("batching", "priced"): [{}, {"pairs": True}],
    ("batching", "multidiscrete"): [{}],
    ("batching", "box"): [{}],
    ("batching", "index"): [{}],
    ("streaming", "box"): [{}],
    ("streaming", "tilt"): [{}],
    ("streaming", "multidiscrete"): [{}, {"levels": 3}],
    ("batching_routing", "priority"): [{}, {"caps": True}],
    ("batching_routing", "priced"): [{}, {"pairs": True}],
    ("batching_routing", "multidiscrete"): [{}, {"levels": 3}],
    ("batching_routing", "box"): [{}],
}
ENVIRONMENT = {
    "batching": "EdgeLLM/MultiNode-v0",
    "streaming": "EdgeLLM/EarlyExit-v0",
    "batching_routing": "EdgeLLM/Joint-v0",
}
CASES = [(*key, settings) for key, choices in SETTINGS.items() for settings in choices]


def envs_of(dynamics: str, rows: int = 3):
    config = read_config({"environment": {"id": ENVIRONMENT[dynamics]}, "codec": {"name": "box"}})
    return make_envs(config, rows)


@pytest.mark.parametrize(("dynamics", "name", "settings"), CASES)
def test_layouts_make_up_the_space_of_their_codec(dynamics, name, settings):
    scenario = envs_of(dynamics).scenario
    codec, blocks = make_codec(name, scenario, **settings), blocks_of(name, settings, scenario)
    items = scenario.devices.count + len(scenario.nodes) if dynamics == "streaming" else scenario.slots
    nodes = scenario.network.entry_nodes.size if dynamics == "batching_routing" else len(scenario.nodes)
    check_layout(blocks, (items, nodes), codec.space)
    assert flat_size(blocks, (items, nodes)) > 0


def test_every_codec_of_the_environment_has_a_layout():
    assert {(dynamics, name) for dynamics, table in CODECS.items() for name in table} <= set(SETTINGS)


def test_layouts_of_other_sizes_are_refused():
    scenario = envs_of("batching").scenario
    with pytest.raises(ValueError, match="make 128 numbers for 32 items and 4 nodes"):
        check_layout(blocks_of("priority", {}, scenario), (32, 4), make_codec("priced", scenario).space)
    with pytest.raises(ValueError, match="cannot act through codec 'priced' with dynamics 'streaming'"):
        blocks_of("priced", {}, envs_of("streaming").scenario)


def crowded(rows: int = 8):
    """An index codec, and rows whose queues have grown while nobody was served."""
    envs = envs_of("batching", rows)
    observation, _ = envs.reset(seed=3)
    for _ in range(3):
        waiting = {key: np.zeros_like(array) for key, array in envs.action_space.sample().items()}
        observation, *_ = envs.step(waiting)
    return make_codec("index", envs.scenario), observation


def bent(place: int, value: float, rows: int = 8) -> np.ndarray:
    action = np.zeros((rows, len(BENT) + 8), np.float32)
    action[:, place] = value
    return action


def test_weights_bend_the_order_in_which_requests_are_taken():
    codec, observation = crowded()
    demand, mean = observation["requests"][..., 6], {}
    for value in (-1.0, 1.0):
        admitted = codec.decode(bent(BENT.index("demand"), value), observation)["batch"] > 0
        assert admitted.any(axis=1).all()
        mean[value] = demand[admitted].mean()
    assert mean[1.0] > mean[-1.0]


def test_a_bonus_draws_requests_to_its_node():
    codec, observation = crowded()
    few, many = ((codec.decode(bent(len(BENT) + 1, value), observation)["batch"] == 2).sum() for value in (-1.0, 1.0))
    assert many > few


def test_there_is_no_way_back():
    envs = envs_of("batching")
    observation, _ = envs.reset(seed=3)
    with pytest.raises(NotImplementedError, match="priority"):
        make_codec("index", envs.scenario).encode({}, observation)
    with pytest.raises(ValueError, match="dynamics 'batching', got 'stream'"):
        make_codec("index", envs_of("streaming").scenario)


def test_a_tilt_of_no_slope_is_the_plan_and_a_steep_one_avoids_the_long_queue():
    envs = envs_of("streaming", 2)
    codec, plan = make_codec("tilt", envs.scenario), steady_plan(envs.scenario)
    observation, _ = envs.reset(seed=0)
    observation["nodes"][1, 2, NODE_FEATURES.index("committed")] = 2.0
    level, steep = np.zeros((2, 2, 19), np.float32)
    level[:, 0], steep[:, 0] = -1.0, 0.0
    share = codec.decode(level, observation)["offload"]
    share /= np.maximum(share.sum(axis=2, keepdims=True), 1e-12)
    np.testing.assert_allclose(share[0], plan.solution.offload, atol=1e-6)
    np.testing.assert_array_equal(share[0], share[1])
    shifted_quantile = codec.decode(steep, observation)
    assert envs.action_space.contains(shifted_quantile)
    np.testing.assert_allclose(shifted_quantile["threshold"][0], plan.threshold - RELIEF, atol=1e-6)
    # Two per epoch of claimed time, two epochs: a weight of exp(-4) beside the others'.
    expected = plan.solution.offload[0, :4] * np.array([1.0, 1.0, np.exp(-4.0), 1.0])
    np.testing.assert_allclose(shifted_quantile["offload"][1, 0, :4], expected / expected.max(), rtol=1e-5)


def test_a_tilt_cannot_be_cloned_and_needs_streams():
    with pytest.raises(NotImplementedError, match="through codec 'box'"):
        make_codec("tilt", envs_of("streaming").scenario).encode({}, {})
    with pytest.raises(ValueError, match="dynamics 'streaming', got 'epoch'"):
        make_codec("tilt", envs_of("batching").scenario)
