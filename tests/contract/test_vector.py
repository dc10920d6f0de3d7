"""The native vector environment: the same numbers as the single one, over autoresets too."""

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from edge_llm_gym.actions import ActionError
from tests.contract.conftest import DYNAMICS, make_rows
from tests.equality import assert_same

ROWS, HORIZON = 3, 6


def row(tree, index):
    """One row of a nested structure of arrays, masks dropped."""
    if isinstance(tree, dict):
        return {key: row(value, index) for key, value in tree.items() if not key.startswith("_")}
    return tree[index]


def test_rows_equal_single_environments_bit_for_bit(environment):
    overrides = {"horizon_epochs": HORIZON}
    envs = make_rows(environment, ROWS, overrides=overrides)
    singles = [gymnasium.make(environment, overrides=overrides) for _ in range(ROWS)]
    observations, infos = envs.reset(seed=11)
    for index, env in enumerate(singles):
        observation, info = env.reset(seed=11 + index)
        assert_same(row(observations, index), observation)
        assert_same(row(infos, index), info)
    envs.action_space.seed(0)
    for step in range(2 * HORIZON + 3):
        actions = envs.action_space.sample()
        observations, rewards, terminations, truncations, infos = envs.step(actions)
        ended = (step + 1) % HORIZON == 0
        assert truncations.tolist() == [ended] * ROWS
        assert not terminations.any()
        for index, env in enumerate(singles):
            observation, reward, _, truncated, info = env.step(row(actions, index))
            assert (rewards[index], truncated) == (reward, ended)
            if ended:
                assert_same(infos["final_obs"][index], observation)
                assert_same(row(infos["final_info"], index), info)
                observation, info = env.reset()
                assert_same(row({key: infos[key] for key in info}, index), info)
            else:
                assert_same(row(infos, index), info)
            assert_same(row(observations, index), observation)
        assert ("final_obs" in infos) == ended


def test_declares_same_step_autoreset(environment):
    envs = make_rows(environment, 2)
    assert envs.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    assert envs.unwrapped.spec.id == environment


def test_max_episode_steps_truncates_like_a_time_limit(environment):
    envs = gymnasium.make_vec(environment, num_envs=2, vectorization_mode="vector_entry_point", max_episode_steps=4)
    single = gymnasium.make(environment, max_episode_steps=4)
    observations, _ = envs.reset(seed=0)
    single.reset(seed=0)
    envs.action_space.seed(0)
    for step in range(6):
        actions = envs.action_space.sample()
        observations, _, _, truncations, _ = envs.step(actions)
        observation, _, _, truncated, _ = single.step(row(actions, 0))
        assert truncations.tolist() == [step == 3] * 2
        assert truncated == (step == 3)
        if truncated:
            observation, _ = single.reset()
        assert_same(row(observations, 0), observation)


@pytest.mark.parametrize("mode", ["sync", "vector_entry_point"])
def test_other_vectorisations_agree(environment, mode):
    envs = gymnasium.make_vec(environment, num_envs=2, vectorization_mode=mode)
    reference = make_rows(environment, 2)
    assert_same(envs.reset(seed=4)[0], reference.reset(seed=4)[0])
    envs.action_space.seed(1)
    actions = envs.action_space.sample()
    assert_same(envs.step(actions)[0], reference.step(actions)[0])
    envs.close()


def test_reset_mask_touches_only_its_rows(environment):
    envs = make_rows(environment, 3)
    before, _ = envs.reset(seed=0)
    after, infos = envs.reset(seed=50, options={"reset_mask": np.array([False, True, False])})
    assert_same(row(before, 0), row(after, 0))
    assert_same(row(before, 2), row(after, 2))
    assert_same(row(after, 1), gymnasium.make(environment).reset(seed=51)[0])
    assert infos["_tape"].tolist() == [False, True, False]
    with pytest.raises(ValueError, match="must be a bool array of shape"):
        envs.reset(options={"reset_mask": np.array([True])})


def test_seeds_may_be_a_list(environment):
    envs = make_rows(environment, 2)
    observations, _ = envs.reset(seed=[9, 9])
    assert_same(row(observations, 0), row(observations, 1))
    assert envs.np_random_seed == (9, 9)
    with pytest.raises(ValueError, match="num_envs is 2, got 3"):
        envs.reset(seed=[1, 2, 3])


def test_malformed_action_moves_no_row(environment):
    envs = make_rows(environment, 2)
    envs.reset(seed=0)
    actions = envs.action_space.sample()
    key = {"batching": "bandwidth", "streaming": "offload", "batching_routing": "threshold"}[DYNAMICS[environment]]
    actions[key] = actions[key].copy()
    actions[key][1, ..., 0] = np.nan
    with pytest.raises(ActionError, match="got values from nan"):
        envs.step(actions)
    assert envs.unwrapped.simulator.state.epoch.tolist() == [0, 0]


def test_a_tape_grows_with_a_burst_and_results_do_not_change(environment):
    """A row whose episode holds more requests than the capacity of the tape does not change the others."""
    overrides = {"arrivals": {"process": "azure-code-2023", "rate_per_s": 4.0}, "horizon_epochs": 20}
    envs = make_rows(environment, 4, overrides=overrides)
    simulator = envs.unwrapped.simulator
    simulator._allocate(8)
    observations, _ = envs.reset(seed=0)
    assert simulator.capacity > 8
    for index in range(4):
        assert_same(row(observations, index), gymnasium.make(environment, overrides=overrides).reset(seed=index)[0])


@pytest.mark.parametrize("mode", ["ansi", "rgb_array"])
def test_every_row_is_drawn_as_alone(environment, mode):
    envs = make_rows(environment, 2, render_mode=mode)
    single = gymnasium.make(environment, render_mode=mode)
    envs.reset(seed=0)
    single.reset(seed=1)
    envs.action_space.seed(0)
    actions = envs.action_space.sample()
    envs.step(actions)
    single.step(row(actions, 1))
    np.testing.assert_array_equal(envs.render()[1], single.render())


def test_observation_statistics_wrapper_composes(environment):
    envs = gymnasium.wrappers.vector.RecordEpisodeStatistics(make_rows(environment, 2, overrides={"horizon_epochs": 3}))
    envs.reset(seed=0)
    for _ in range(3):
        *_, infos = envs.step(envs.action_space.sample())
    assert infos["episode"]["l"].tolist() == [3, 3]
