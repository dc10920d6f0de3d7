"""Overrides of a reset and ranges in scenarios: single and vector environments agree, and shapes stay."""

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from edge_llm_gym.codecs import make_codec
from edge_llm_gym.codecs.wrappers import CodecWrapper, SequentialWrapper
from edge_llm_gym.registration import ENVIRONMENTS
from edge_llm_gym.scenario import ScenarioError, load_scenario
from edge_llm_gym.sim.episode_parameters import PARAMETERS
from tests.contract.conftest import make_rows
from tests.equality import assert_same, differs

SINGLE = "EdgeLLM/SingleNode-v0"
SHORT = {"horizon_epochs": 3}
BUSY = {"arrivals.rate_per_s": 20.0, "channel.shadowing_db": 0.0}
SMALL_NODE = {"nodes.0.memory_fraction": 0.5}
RANGES = {"arrivals.rate_per_s": [1.0, 5.0], "channel.shadowing_db": [2.0, 9.0]}


def make(**overrides):
    return gymnasium.make(SINGLE, overrides=SHORT | overrides)


def episode(env, **reset):
    """Observations and infos of an episode of random actions of a fixed seed."""
    env.action_space.seed(0)
    seen, ended = [env.reset(**reset)], False
    while not ended:
        observation, reward, _, ended, info = env.step(env.action_space.sample())
        seen.append((observation | {"reward": np.float64(reward)}, info))
    return seen


def same_episode(one, other) -> None:
    for (left, info), (right, its) in zip(one, other, strict=True):
        assert_same(left, right)
        assert_same(info, its)


def test_an_episode_with_overrides_is_that_of_an_environment_made_with_them():
    """Here the overrides touch no scale of the observations."""
    for overrides in (BUSY, SMALL_NODE, BUSY | SMALL_NODE):
        other = make(**overrides)
        same_episode(episode(make(), seed=3, options={"overrides": overrides}), episode(other, seed=3))


def test_overrides_stay_until_the_next_ones_and_count_from_the_first_scenario():
    env, plain, busy = make(), make(), make(**BUSY)
    for options, expected in (
        ({"overrides": BUSY}, busy),
        (None, busy),
        ({"overrides": {}}, plain),
        ({"overrides": SMALL_NODE}, make(**SMALL_NODE)),
        ({"overrides": {}}, plain),
    ):
        same_episode(episode(env, seed=5, options=options), episode(expected, seed=5))


def test_scenario_is_that_of_experts_and_scales_and_episode_scenario_that_of_the_tape():
    env = make().unwrapped
    own = env.scenario
    env.reset(options={"overrides": BUSY | SMALL_NODE})
    assert env.scenario == load_scenario(own, SMALL_NODE)
    assert env.episode_scenario == load_scenario(own, BUSY | SMALL_NODE)
    env.reset(options={"overrides": BUSY})
    assert env.scenario is own
    assert env.episode_scenario.arrivals.rate_per_s == 20.0


def test_a_narrower_range_keeps_the_scales_of_observations():
    """A value of 1 is shown as 1 / 4, as in an environment whose values reach 4."""
    env = make(**{"requests.value": [1.0, 4.0]})
    observation, _ = env.reset(seed=0, options={"overrides": {"requests.value": [1.0, 1.0]}})
    shown = observation["requests"][observation["request_mask"] == 1, 7]
    assert shown.size
    assert (shown == 0.25).all()


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"horizon_epochs": 5}, "must not change horizon_epochs, got 5 where the environment has 3"),
        ({"slots": 3}, "must not change the observation space"),
        ({"nodes.0.uplink_hz": -1.0}, "nodes.0.uplink_hz"),
        ({"requests.value": [1.0, 9.0]}, "must not raise the largest value .*got 9.0 .* has 1.0; make the environment"),
        ({"requests.budget_s": [1.0, 99.0]}, "must not raise the longest latency budget"),
        ({"lengths.prediction.sigma": 0.3}, "must not change whether output lengths are predicted, got True"),
        ({"reward": {"served": 1.0}}, "must not change the terms of the reward"),
        ({"batching": "continuous"}, "must not change dynamics"),
        ({"arrivals.rate": 2.0}, "unknown key 'rate'"),
        (5, "maps dotted paths to values, got 5"),
    ],
)
def test_refused_overrides_leave_the_environment_as_it_was(overrides, message):
    """The same message for single and vector environments; the next reset is as if nothing had been asked."""
    env, envs = make(), make_rows(SINGLE, 2, overrides=SHORT)
    expected = make().reset(seed=4)[0]
    for one in (env, envs):
        one.reset(seed=0)
        with pytest.raises(ScenarioError, match=message):
            one.reset(seed=9, options={"overrides": overrides})
    assert_same(env.reset(seed=4)[0], expected)
    assert_same({key: rows[0] for key, rows in envs.reset(seed=4)[0].items()}, expected)


def test_an_unknown_option_names_the_known_one():
    with pytest.raises(ValueError, match=r"unknown reset options \['override'\].*options=\{'overrides'"):
        make().reset(options={"override": {}})


@pytest.mark.parametrize("mode", [AutoresetMode.SAME_STEP, AutoresetMode.NEXT_STEP])
@pytest.mark.parametrize("overrides", [BUSY, RANGES, RANGES | SMALL_NODE])
def test_rows_equal_single_environments_across_automatic_resets(mode, overrides):
    envs = make_rows(SINGLE, 2, overrides=SHORT, autoreset_mode=mode)
    singles = [make(), make()]
    envs.action_space.seed(1)
    seen, info = envs.reset(seed=7, options={"overrides": overrides})
    expected = [
        env.reset(seed=7 + row, options={"overrides": overrides})  # the first episode of each row
        for row, env in enumerate(singles)
    ]
    fresh = False
    for _ in range(6):
        for row, (one, its) in enumerate(expected):
            assert_same({key: array[row] for key, array in seen.items()}, one)
            for name, value in its["tape"]["parameters"].items():
                assert info["tape"]["parameters"][name][row] == value
        actions = envs.action_space.sample()
        seen, _, _, truncated, info = envs.step(actions)
        expected = [stepped(env, row, actions, mode, fresh) for row, env in enumerate(singles)]
        fresh = mode is AutoresetMode.NEXT_STEP and bool(truncated.all())


def stepped(env, row, actions, mode, fresh):
    """The observation and info of one row after a step, reset as the mode does."""
    if fresh:
        return env.reset()
    observation, _, _, truncated, info = env.step({key: array[row] for key, array in actions.items()})
    return env.reset() if truncated and mode is AutoresetMode.SAME_STEP else (observation, info)


def test_tape_settings_of_some_rows():
    """Rows under the mask follow the overrides, the others go on; the next automatic resets keep both."""
    envs = make_rows(SINGLE, 3, overrides=SHORT, autoreset_mode=AutoresetMode.DISABLED)
    before, _ = envs.reset(seed=0)
    mask = np.array([False, True, False])
    after, info = envs.reset(seed=20, options={"overrides": BUSY, "reset_mask": mask})
    busy, _ = make(**BUSY).reset(seed=21)
    for row, expected in enumerate((before, None, before)):
        assert_same({key: array[row] for key, array in after.items()}, _row(expected, row) if expected else busy)
    assert info["tape"]["parameters"]["rate_per_s"].tolist() == [
        scenario.arrivals.rate_per_s for scenario in envs.episode_scenarios
    ]
    assert envs.get_attr("episode_scenario") == envs.episode_scenarios
    seen, _ = envs.reset(seed=30)
    assert_same(_row(seen, 0), make().reset(seed=30)[0])
    assert_same(_row(seen, 1), make(**BUSY).reset(seed=31)[0])


def _row(observations, row):
    return {key: array[row] for key, array in observations.items()}


def test_next_episodes_can_be_changed_without_a_reset():
    """The present episode goes on as it was; automatic resets of the chosen rows follow."""
    envs, others = (make_rows(SINGLE, 2, overrides=SHORT) for _ in range(2))
    for one in (envs, others):
        one.action_space.seed(0)
        one.reset(seed=40)
    envs.override_next_episodes(BUSY, np.array([False, True]))
    singles = [make(), make()]
    for row, env in enumerate(singles):
        env.reset(seed=40 + row)
    singles[1].unwrapped.override_next_episodes(BUSY)
    for step in range(3):
        action = envs.action_space.sample()
        seen, plain = envs.step(action)[0], others.step(action)[0]
        if step < 2:
            assert_same(seen, plain)
    for row, env in enumerate(singles):
        assert_same(_row(seen, row), env.reset()[0])
    assert differs(_row(seen, 1), _row(plain, 1))
    for one in (envs, singles[0].unwrapped):
        with pytest.raises(ScenarioError, match=r"may only change tape settings .*got changes of nodes"):
            one.override_next_episodes(SMALL_NODE)


def test_rows_share_all_but_tape_settings():
    envs = make_rows(SINGLE, 2, overrides=SHORT)
    envs.reset(seed=0)
    options = {"overrides": SMALL_NODE | BUSY, "reset_mask": np.array([True, False])}
    with pytest.raises(ScenarioError, match=r"may only change tape settings .*got changes of nodes; reset all"):
        envs.reset(options=options)
    envs.reset(options={"overrides": SMALL_NODE})
    seen, _ = envs.reset(seed=8, options=options)  # the same nodes as in the other row now
    assert_same(_row(seen, 0), make(**options["overrides"]).reset(seed=8)[0])


def test_snapshots_keep_the_overrides_of_the_next_episodes():
    env, envs = make(), make_rows(SINGLE, 1, overrides=SHORT)
    for one in (env, envs):
        one.reset(seed=2, options={"overrides": RANGES})
    kept, rows = env.unwrapped.snapshot(), envs.snapshot()
    expected, info = env.reset()
    env.reset(options={"overrides": {}})
    env.unwrapped.restore(kept)
    envs.reset(options={"overrides": {}})
    envs.restore(rows)
    for seen, its in (env.reset(), envs.reset()):
        assert_same({key: np.squeeze(array) for key, array in seen.items()}, _squeezed(expected))
        assert its["tape"]["parameters"]["rate_per_s"] == info["tape"]["parameters"]["rate_per_s"]
    assert make().unwrapped.scenario == env.unwrapped.scenario


def _squeezed(observation):
    return {key: np.squeeze(array) for key, array in observation.items()}


def test_wrappers_follow_a_changed_frame():
    """Codecs and partial batches hold constants of nodes, so they are made anew; a codec object cannot be."""
    for wrap in (lambda env: CodecWrapper(env, "priority"), SequentialWrapper):
        changed = episode(wrap(make()), seed=1, options={"overrides": SMALL_NODE})
        same_episode(changed, episode(wrap(make(**SMALL_NODE)), seed=1))
    env = make()
    fixed = CodecWrapper(env, make_codec("priority", env.unwrapped.scenario))
    fixed.reset(options={"overrides": BUSY})
    with pytest.raises(ValueError, match=r"a codec object belongs to .* changed nodes; give the codec by its name"):
        fixed.reset(options={"overrides": SMALL_NODE})


def test_ranges_are_drawn_per_episode_and_reported_in_every_info(environment):
    drifts = load_scenario(ENVIRONMENTS[environment]).exits is not None
    ranges = RANGES | ({"exits.drift": {"period_s": [50.0, 90.0], "depth": [0.2, 0.6]}} if drifts else {})
    env = gymnasium.make(environment, overrides=SHORT | ranges)
    drawn = []
    for seed in range(3):
        _, info = env.reset(seed=seed)
        drawn.append(tuple(info["tape"]["parameters"][name] for name in PARAMETERS))
        assert env.step(env.action_space.sample())[-1]["tape"] == info["tape"]
    limits = [(1.0, 5.0), (2.0, 9.0), *([(50.0, 90.0), (0.2, 0.6)] if drifts else [(0.0, 0.0)] * 2)]
    for column, (low, high) in enumerate(limits):
        values = {values[column] for values in drawn}
        assert all(low <= value <= high for value in values)
        assert len(values) == (3 if high > low else 1)
    assert env.reset(seed=0)[1]["tape"]["parameters"] == dict(zip(PARAMETERS, drawn[0], strict=True))


def test_an_episode_of_a_range_is_that_of_its_number():
    """The draws of the parameters come first; then the tape is that of a scenario with the numbers drawn."""
    env = make(**RANGES).unwrapped
    _, info = env.reset(seed=11)
    parameters = info["tape"]["parameters"]
    fixed = make(
        **{name: parameters[name.split(".")[1]] for name in ("arrivals.rate_per_s", "channel.shadowing_db")}
    ).unwrapped
    rng = np.random.default_rng(11)
    rates = rng.uniform(1.0, 5.0), rng.uniform(2.0, 9.0)
    assert (parameters["rate_per_s"], parameters["shadowing_db"]) == rates
    fixed.simulator.reset(0, rng)
    size = info["tape"]["requests"]
    for name in ("arrival_s", "deadline_s", "prompt_tokens"):
        one, other = (getattr(each.simulator.tape.requests, name)[0, :size] for each in (env, fixed))
        np.testing.assert_array_equal(one, other)
    channels = [each.simulator.tape.channels.spectral_efficiency for each in (env, fixed)]
    np.testing.assert_array_equal(*channels)


def test_overrides_change_the_tape():
    assert differs(make().reset(seed=0)[0], make().reset(seed=0, options={"overrides": BUSY})[0])
