"""The contract of the flat ids: flat without wrappers, equal to the structured environment under decoded actions."""

import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode

from edge_llm_gym.actions import ActionError
from edge_llm_gym.codecs import CODECS, make_codec
from edge_llm_gym.env.own_functions import Feature
from edge_llm_gym.registration import ENVIRONMENTS, FLAT_ENVIRONMENTS, FLAT_FORMS, flat_id
from edge_llm_gym.scenario import ScenarioError, load_scenario
from tests.contract.test_autoreset import assert_same_steps, reset_both
from tests.equality import assert_same

SIZE = {"horizon_epochs": 3, "slots": 5}
STREAM, MULTI = "EdgeLLM/EarlyExit-v0", "EdgeLLM/MultiNode-v0"
FORM_SPACES = {"Flat": spaces.Box, "MultiDiscrete": spaces.MultiDiscrete, "Sequential": spaces.Discrete}


def small(environment: str) -> dict[str, int]:
    return {"horizon_epochs": 3} if "EarlyExit" in environment else dict(SIZE)


def make(environment: str, **settings) -> gymnasium.Env:
    overrides = small(environment) | settings.pop("overrides", {})
    return gymnasium.make(environment, overrides=overrides, **settings)


@pytest.fixture(params=list(FLAT_ENVIRONMENTS))
def flat(request) -> str:
    return request.param


def parts(flat: str) -> tuple[str, str]:
    """The structured id and the form."""
    return next((name, form) for name in ENVIRONMENTS for form in FLAT_FORMS if flat_id(name, form) == flat)


def test_every_environment_has_the_forms_that_its_dynamics_allow():
    for name, scenario in ENVIRONMENTS.items():
        is_pooled = load_scenario(scenario).dynamics == "batching"
        forms = [form for form in FLAT_FORMS if flat_id(name, form) in FLAT_ENVIRONMENTS]
        assert forms == ["Flat", "MultiDiscrete", *(["Sequential"] if is_pooled else [])]


def test_it_is_flat_without_wrappers_and_passes_gymnasiums_check(flat):
    env = make(flat).unwrapped
    assert isinstance(env.observation_space, spaces.Box)
    assert isinstance(env.action_space, FORM_SPACES[parts(flat)[1]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env, skip_render_check=True)


def test_it_passes_the_check_of_stable_baselines(flat):
    checker = pytest.importorskip("stable_baselines3.common.env_checker", reason="the checker is theirs")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        checker.check_env(make(flat), skip_render_check=True)


def test_spec_makes_the_same_environment(flat):
    env = make(flat)
    again = gymnasium.make(EnvSpec.from_json(env.spec.to_json()))
    assert again.spec == env.spec
    longest = 3 * (SIZE["slots"] if parts(flat)[1] == "Sequential" else 1)
    assert env.spec.max_episode_steps == env.unwrapped.spec.max_episode_steps == longest
    assert_same(env.reset(seed=2)[0], again.reset(seed=2)[0])
    env.action_space.seed(0)
    action = env.action_space.sample()
    for left, right in zip(env.step(action), again.step(action), strict=True):
        assert_same(left, right)


def test_infos_hold_numbers_under_the_same_keys(flat):
    env = make(flat)
    _, first = env.reset(seed=1)
    env.action_space.seed(0)
    ended = False
    while not ended:
        *_, ended, info = env.step(env.action_space.sample())
        assert {key: type(value) for key, value in info.items()} == {key: type(value) for key, value in first.items()}
    assert {type(value) for value in info.values()} <= {int, float, bool}


def test_decoded_actions_have_the_same_effect_in_the_structured_environment(flat):
    """Features are checked in tests/features; here the rewards, the masks and the numbers of the infos."""
    name, form = parts(flat)
    if form == "Sequential":
        pytest.skip("one request per step: see the test below")
    env, plain = make(flat), make(name)
    codec = make_codec(FLAT_FORMS[form], plain.unwrapped.scenario)
    (_, info), (observation, nested) = env.reset(seed=5), plain.reset(seed=5)
    env.action_space.seed(0)
    for step in range(3):
        rows = {key: np.asarray(array)[None] for key, array in observation.items()}
        assert_same(dict(env.unwrapped.structured_observation), observation)
        if form == "MultiDiscrete":
            assert_same(env.unwrapped.action_masks(), codec.mask(rows)[0])
        assert {key: info[key] for key in nested["metrics"]} == nested["metrics"]
        assert {key: info[f"total_{key}"] for key in nested["totals"]} == nested["totals"]
        assert {key: info[f"reward_{key}"] for key in nested["rewards"]} == nested["rewards"]
        assert info["tape_requests"] == nested["tape"]["requests"]
        action = env.action_space.sample()
        decoded = codec.decode(action[None], rows)
        _, reward, _, ended, info = env.step(action)
        observation, expected, _, truncated, nested = plain.step({key: array[0] for key, array in decoded.items()})
        assert (reward, ended) == (expected, truncated) == (expected, step == 2)


@pytest.mark.parametrize("name", ["EdgeLLM/SingleNode-v0", MULTI, "EdgeLLM/Continuous-v0"])
def test_choices_of_a_sequence_add_up_to_the_batch_of_an_epoch(name):
    """All requests wait, so the environment is that of empty batches; each epoch takes a step per request."""
    env, plain = make(flat_id(name, "Sequential")), make(name)
    env.reset(seed=5)
    observation, _ = plain.reset(seed=5)
    action = {key: 0 * space.sample() for key, space in plain.action_space.items()}
    for _ in range(3):
        assert_same(
            {key: env.unwrapped.structured_observation[key] for key in observation},
            observation,
        )
        visible = int(observation["request_mask"].sum())
        for _ in range(max(visible, 1)):
            assert env.unwrapped.action_masks()[[0, -1]].all()
            _, reward, _, truncated, info = env.step(0)
        observation, expected, _, ended, _ = plain.step(action)
        assert (reward, truncated, info["epoch_begins"]) == (expected, ended, True)


ROWS = 3
MODES = list(AutoresetMode)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("flat", [name for name, made in FLAT_ENVIRONMENTS.items() if made["codec"] != "sequential"])
def test_native_rows_equal_single_environments(flat, mode):
    """Gymnasium's vector of single flat environments, over episodes that end in the same step and in different ones."""
    settings = {"overrides": small(flat)}
    sync = gymnasium.make_vec(flat, ROWS, vectorization_mode="sync", vector_kwargs={"autoreset_mode": mode}, **settings)
    native = gymnasium.make_vec(flat, ROWS, vectorization_mode="vector_entry_point", autoreset_mode=mode, **settings)
    assert native.metadata["autoreset_mode"] is mode
    assert native.spec.max_episode_steps == 3
    reset_both(sync, native, seed=11)
    native.action_space.seed(0)
    for step in range(5):
        actions = native.action_space.sample()
        assert_same_steps(sync.step(actions), found := native.step(actions))
        if step == 0:
            mask = np.array([True, False, True])
            reset_both(sync, native, mask, seed=[1, None, 2])
        if mode is AutoresetMode.DISABLED and found[3].any():
            reset_both(sync, native, found[3])


def test_attributes_of_native_rows_are_those_of_single_environments():
    flat = flat_id(MULTI, "MultiDiscrete")
    rows = gymnasium.make_vec(flat, 2, vectorization_mode="vector_entry_point", overrides=SIZE)
    one = make(flat)
    rows.reset(seed=4)
    one.reset(seed=5)
    assert_same(rows.call("action_masks")[1], one.unwrapped.action_masks())
    assert rows.get_attr("action_space")[1] == one.action_space
    assert rows.get_attr("observation_space")[1] == one.observation_space
    assert rows.get_attr("scenario")[1] == one.unwrapped.scenario
    assert_same(dict(rows.get_attr("structured_observation")[1]), dict(one.unwrapped.structured_observation))
    with pytest.raises(AttributeError):
        rows.call("no_such_name")


def test_a_snapshot_is_continued_with_its_own_observation(flat):
    """The codec decodes the action after a restore against the restored observation."""
    env = make(flat)
    env.reset(seed=3)
    snapshot = env.unwrapped.snapshot()
    env.action_space.seed(1)
    actions = [env.action_space.sample() for _ in range(2)]
    first = [env.step(action)[:4] for action in actions]
    env.unwrapped.restore(snapshot)
    for expected, action in zip(first, actions, strict=True):
        for left, right in zip(expected, env.step(action)[:4], strict=True):
            assert_same(left, right)


@pytest.mark.parametrize("vector", [False, True])
def test_codecs_follow_overrides_of_a_reset(vector):
    """A node with a tenth of the memory: the codec must offer what fits there, and scales stay as they were."""
    flat = flat_id(MULTI, "Flat")
    settings = {"codec": "priority", "overrides": SIZE}
    changed = {"nodes.0.uplink_hz": 2e4}
    made = load_scenario(ENVIRONMENTS[MULTI], SIZE | changed)
    if vector:
        env = gymnasium.make_vec(flat, 1, vectorization_mode="vector_entry_point", **settings)
        step = lambda action: env.step(action[None])[1][0]  # noqa: E731
    else:
        env = gymnasium.make(flat, **settings)
        step = lambda action: env.step(action)[1]  # noqa: E731
    fresh = gymnasium.make(flat, codec="priority", scenario=made)
    env.reset(seed=1)
    env.reset(seed=1, options={"overrides": changed})
    fresh.reset(seed=1)
    assert env.unwrapped.scenario == made
    fresh.action_space.seed(0)
    for _ in range(3):
        action = fresh.action_space.sample()
        assert step(action) == fresh.step(action)[1]


@pytest.mark.parametrize("codec", CODECS["batching"])
def test_flat_takes_every_codec_with_its_settings(codec):
    settings = {"levels": 3} if codec == "multidiscrete" else {"caps": True} if codec == "priority" else {}
    env = make(flat_id(MULTI, "Flat"), codec=codec, **settings)
    assert env.action_space == make_codec(codec, env.unwrapped.scenario, **settings).space
    env.reset(seed=0)
    assert np.isfinite(env.step(env.action_space.sample())[1])
    assert env.spec.kwargs["codec"] == codec
    assert settings.items() <= env.spec.kwargs.items()


def test_own_features_follow_in_the_vector():
    constant = Feature("z_own", spaces.Box(-9.0, 9.0, (2,)), lambda seen, totals, scenario: np.full((1, 2), -7.0))
    env = make(flat_id(MULTI, "Flat"), features=[constant])
    observation, _ = env.reset(seed=0)
    assert observation[env.unwrapped.reader.layout["z_own"]].tolist() == [-7.0, -7.0]


def test_misuse_is_refused():
    flat = flat_id(MULTI, "Flat")
    with pytest.raises(ValueError, match=r"unknown codec of dynamics 'batching' 'prioriti'; did you mean 'priority'"):
        make(flat, codec="prioriti")
    with pytest.raises(ValueError, match=r"unknown codec of dynamics 'streaming' 'sequential'"):
        make(flat_id(STREAM, "Flat"), codec="sequential")
    with pytest.raises(TypeError, match=r"codec 'parameters' has no setting 'caps'"):
        make(flat, caps=True)
    with pytest.raises(TypeError, match=r"codec 'sequential' has no setting 'caps'; choose one of: overrun_s"):
        make(flat_id(MULTI, "Sequential"), caps=True)
    for form in FLAT_FORMS:  # TorchRL tries `frameskip`, and looks for these words
        with pytest.raises(TypeError, match=r"unexpected keyword argument 'frameskip'"):
            make(flat_id(MULTI, form), frameskip=1)
    with pytest.raises(ValueError, match=r"unknown observation 'vektor'; did you mean 'vector'"):
        make(flat, observation="vektor")
    with pytest.raises(ValueError, match=r"unknown observation of a sequence 'tokens'"):
        make(flat_id(MULTI, "Sequential"), observation="tokens")
    with pytest.raises(ValueError, match="there is no native vector of them"):
        gymnasium.make_vec(flat, 2, vectorization_mode="vector_entry_point", codec="sequential")
    with pytest.raises(gymnasium.error.NameNotFound, match="EarlyExit-Sequential"):
        gymnasium.make(flat_id(STREAM, "Sequential"))
    with pytest.raises(ScenarioError):
        make(flat, overrides={"slots": -1})
    rows = gymnasium.make_vec(flat, 2, vectorization_mode="vector_entry_point")
    for env, wrong in ((make(flat), np.zeros(3)), (rows, np.zeros((2, 3)))):
        with pytest.raises(RuntimeError, match="reset"):
            env.unwrapped.structured_observation  # noqa: B018
        with pytest.raises(RuntimeError, match="reset"):
            env.unwrapped.step(env.action_space.sample())
        env.reset(seed=0)
        with pytest.raises(ActionError, match="must have shape"):
            env.step(wrong)
