"""The native vector environment in every autoreset mode, against Gymnasium's own vector environment."""

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers import vector as wrappers

from tests.contract.conftest import make_rows
from tests.equality import assert_same

ROWS, HORIZON = 3, 4
SETTINGS = {"overrides": {"horizon_epochs": HORIZON}}
MODES = list(AutoresetMode)
HALF = np.array([True, False, True])


def both(environment: str, mode: AutoresetMode, **settings):
    """Gymnasium's vector of single environments and the native one."""
    settings = SETTINGS | settings
    sync = gymnasium.make_vec(
        environment, ROWS, vectorization_mode="sync", vector_kwargs={"autoreset_mode": mode}, **settings
    )
    return sync, make_rows(environment, ROWS, autoreset_mode=mode, **settings)


def assert_same_infos(expected, found, where: str = "info") -> None:
    """The same keys, masks and types, and the same values where the masks are True."""
    assert set(expected) == set(found), where
    for key, value in expected.items():
        path = f"{where}.{key}"
        if isinstance(value, dict):
            assert_same_infos(value, found[key], path)
        elif key.startswith("_") or value.dtype == object:
            compare_objects(value, found[key], path)
        else:
            mask = expected[f"_{key}"]
            assert_same(value[mask], found[key][mask], path)


def compare_objects(expected, found, where: str) -> None:
    """Masks, and observations of single rows."""
    for one, other in zip(expected, found, strict=True):
        assert type(one) is type(other), where
        if one is not None:
            assert_same(one, other, where)


def assert_same_steps(expected, found) -> None:
    """Observations, rewards and both flags to the last bit, and infos."""
    for one, other in zip(expected[:4], found[:4], strict=True):
        assert_same(one, other)
    assert_same_infos(expected[4], found[4])


def played(sync, native, steps: int):
    """The same random actions in both; yields pairs of steps."""
    native.action_space.seed(5)
    for _ in range(steps):
        actions = native.action_space.sample()
        yield sync.step(actions), native.step(actions)


def reset_both(sync, native, mask=None, **settings):
    """Resets both; each with options of its own, as Gymnasium takes the mask out of the options."""
    results = [
        envs.reset(options=mask if mask is None else {"reset_mask": mask}, **settings) for envs in (sync, native)
    ]
    assert_same(results[0][0], results[1][0])
    assert_same_infos(results[0][1], results[1][1])


@pytest.mark.parametrize("mode", MODES)
def test_a_mode_equals_that_of_gymnasium(environment, mode):
    """Over several episodes that end in different steps: some rows are reset within an episode."""
    sync, native = both(environment, mode)
    assert native.metadata["autoreset_mode"] is mode is sync.metadata["autoreset_mode"]
    reset_both(sync, native, seed=7)
    ends = []
    for step, (expected, found) in enumerate(played(sync, native, 3 * HORIZON)):
        assert_same_steps(expected, found)
        ends.append(found[3])
        if step == 1:
            reset_both(sync, native, mask=HALF, seed=[50, 51, 52])
        if mode is AutoresetMode.DISABLED and found[3].any():
            reset_both(sync, native, mask=found[3])
    ends = np.array(ends)
    assert (ends.sum(0) >= 2).all()
    assert (ends[:, 0] != ends[:, 1]).any()
    assert [one.bit_generator.state for one in sync.np_random] == [two.bit_generator.state for two in native.np_random]


def test_all_rows_may_end_in_the_same_step(environment):
    sync, native = both(environment, AutoresetMode.NEXT_STEP, max_episode_steps=2)
    reset_both(sync, native, seed=1)
    ended = []
    for expected, found in played(sync, native, 5):
        assert_same_steps(expected, found)
        ended.append(found[3].tolist())
    assert ended == [[False] * ROWS, [True] * ROWS, [False] * ROWS, [False] * ROWS, [True] * ROWS]


def test_a_row_that_has_ended_must_be_reset_if_autoreset_is_disabled(environment):
    envs = make_rows(environment, ROWS, autoreset_mode="Disabled", max_episode_steps=3)
    envs.reset(seed=0)
    envs.step(envs.action_space.sample())
    envs.reset(options={"reset_mask": ~HALF})
    for _ in range(2):
        last = envs.step(envs.action_space.sample())
    assert last[3].tolist() == HALF.tolist()
    state = envs.unwrapped.simulator.state.epoch.copy()
    with pytest.raises(RuntimeError, match=r"the episodes of rows \[0, 2\] have ended: call reset"):
        envs.step(envs.action_space.sample())
    assert_same(envs.unwrapped.simulator.state.epoch, state)
    envs.reset(options={"reset_mask": HALF})
    envs.step(envs.action_space.sample())


def test_modes_are_gymnasiums_values(environment):
    for mode in MODES:
        assert make_rows(environment, 1, autoreset_mode=mode.value).metadata["autoreset_mode"] is mode
    assert make_rows(environment, 1).metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    with pytest.raises(ValueError, match="unknown autoreset mode 'NextSteps'; did you mean 'NextStep'"):
        make_rows(environment, 1, autoreset_mode="NextSteps")


@pytest.mark.parametrize("mode", MODES)
def test_frames_equal_those_of_single_environments(mode):
    """Rows show the outcomes of their last step, also after a reset of other rows, and none after their own reset."""
    sync, native = both("EdgeLLM/SingleNode-v0", mode, render_mode="ansi")
    reset_both(sync, native, seed=3)
    for step, (_, found) in enumerate(played(sync, native, HORIZON + 1)):
        if step == 1:
            reset_both(sync, native, mask=HALF)
        if mode is AutoresetMode.DISABLED and found[3].any():
            reset_both(sync, native, mask=found[3])
        assert sync.render() == native.render()


ATTRIBUTES = ("scenario", "render_mode", "observation_space", "action_space", "np_random_seed", "action_masks")


def test_attributes_and_methods_of_rows_are_those_of_single_environments():
    sync, native = both("EdgeLLM/SingleNode-v0", AutoresetMode.NEXT_STEP)
    reset_both(sync, native, seed=3)
    for name in ATTRIBUTES:
        for expected, found in zip(sync.get_attr(name), native.get_attr(name), strict=True):
            assert np.array_equal(expected, found) if isinstance(expected, np.ndarray) else expected == found, name
    snapshot = sync.call("snapshot")[1]
    for envs in (sync, native):
        observations = envs.call("restore", snapshot)
        assert_same(observations[0], observations[2])
    for expected, found in played(sync, native, HORIZON + 2):
        assert_same_steps(expected, found)
    generators = (
        [np.random.default_rng(row) for row in range(ROWS)],
        [np.random.default_rng(row) for row in range(ROWS)],
    )
    for envs, own in zip((sync, native), generators, strict=True):
        envs.set_attr("np_random", own)
        envs.set_attr("label", ["a"] * ROWS)
    assert native.np_random_seed == sync.np_random_seed == (-1,) * ROWS
    assert native.get_attr("label") == sync.get_attr("label") == ("a",) * ROWS
    reset_both(sync, native)


def test_rows_share_their_attributes(environment):
    envs = make_rows(environment, ROWS)
    assert all(isinstance(one, np.random.Generator) for one in envs.np_random)
    with pytest.raises(ValueError, match="share 'label' and cannot differ"):
        envs.set_attr("label", [1, 2, 3])
    with pytest.raises(ValueError, match="num_envs is 3, got 2 values"):
        envs.set_attr("label", [1, 1])
    with pytest.raises(ValueError, match="num_envs is 3, got 1"):
        envs.set_attr("np_random", [np.random.default_rng()])
    with pytest.raises(AttributeError, match="no method 'step'; call takes action_masks"):
        envs.call("step")
    with pytest.raises(AttributeError, match="no_such_thing"):
        envs.get_attr("no_such_thing")
    with pytest.raises(RuntimeError, match="call reset"):
        envs.call("snapshot")
    with pytest.raises(ValueError, match="one snapshot per row: num_envs is 3, got 0"):
        envs.restore([])


def test_a_reset_mask_needs_a_row(environment):
    envs = make_rows(environment, ROWS)
    envs.reset(seed=0)
    with pytest.raises(ValueError, match="True for at least one of the 3 rows"):
        envs.reset(options={"reset_mask": np.zeros(ROWS, np.bool_)})


WRAPPED = {
    "flatten": wrappers.FlattenObservation,
    "filter": lambda envs: wrappers.FilterObservation(envs, ["backlog", "arrivals"]),
    "transform": lambda envs: wrappers.TransformObservation(
        envs, lambda rows: rows["backlog"], envs.observation_space["backlog"], envs.single_observation_space["backlog"]
    ),
    "normalize": lambda envs: wrappers.NormalizeObservation(wrappers.FlattenObservation(envs)),
    "normalize reward": wrappers.NormalizeReward,
    "clip reward": lambda envs: wrappers.ClipReward(envs, -1.0, 1.0),
    "statistics": wrappers.RecordEpisodeStatistics,
    "list": wrappers.DictInfoToList,
    "list of statistics": lambda envs: wrappers.DictInfoToList(wrappers.RecordEpisodeStatistics(envs)),
}
REFUSED = {("normalize", AutoresetMode.DISABLED)} | {
    (name, AutoresetMode.SAME_STEP) for name in ("flatten", "filter", "transform", "normalize")
}
"""Gymnasium's wrappers of observations refuse these modes, of every vector environment."""


def without_times(info):
    """Wall-clock times of episodes differ between two runs."""
    if isinstance(info, list):
        return [without_times(one) for one in info]
    times = {key: value for key, value in info.items() if key == "episode"}
    return info | {key: {name: value for name, value in time.items() if name != "t"} for key, time in times.items()}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", WRAPPED)
def test_gymnasiums_vector_wrappers_give_the_same_as_on_gymnasiums_vector(name, mode):
    pair = both("EdgeLLM/SingleNode-v0", mode)
    if (name, mode) in REFUSED:
        for envs in pair:
            with pytest.raises((ValueError, AssertionError)):  # before version 1.3, an assertion without a message
                WRAPPED[name](envs)
        return
    if name == "list of statistics" and gymnasium.__version__ in ("1.2.0", "1.2.1"):
        pytest.skip("DictInfoToList of Gymnasium 1.2.0 and 1.2.1 fails on the statistics of RecordEpisodeStatistics")
    sync, native = (WRAPPED[name](envs) for envs in pair)
    first, second = sync.reset(seed=2)[0], native.reset(seed=2)[0]
    assert_same(first, second)
    # Before version 1.3, NormalizeObservation leaves the space as it was.
    assert native.observation_space.contains(second) == sync.observation_space.contains(first)
    assert native.observation_space == sync.observation_space
    for expected, found in played(sync, native, HORIZON):
        for one, other in zip(expected[:4], found[:4], strict=True):
            assert_same(one, other)
        one, other = without_times(expected[4]), without_times(found[4])
        if isinstance(one, list):
            assert_same_lists(one, other)
        elif "episode" not in one:
            assert_same_infos(one, other)
        else:
            assert_same(one["episode"], other["episode"])
    assert found[3].all()


def assert_same_lists(expected, found) -> None:
    """Infos as one dictionary per row."""
    for one, other in zip(expected, found, strict=True):
        assert_same(one, other)
