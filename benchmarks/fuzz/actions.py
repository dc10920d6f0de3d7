"""Malformed actions for environments, codecs and wrappers: ActionError each, and the state unchanged."""

import itertools
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import gymnasium
import numpy as np

from benchmarks.fuzz.malformed import Random, malformed_mapping, malformed_value
from benchmarks.fuzz.tally import Options, Tally
from edge_llm_gym.actions import ActionError
from edge_llm_gym.codecs import CODECS, make_codec
from edge_llm_gym.codecs.wrappers import CodecWrapper, SequentialWrapper
from edge_llm_gym.registration import ENVIRONMENTS
from edge_llm_gym.sim.records import leaves
from edge_llm_gym.sim.simulator import Simulator

ROWS: Final = 2
LONGEST_MESSAGE: Final = 1000


@dataclass(frozen=True)
class Target:
    """Something that takes an action."""

    name: str
    act: Callable[[Any], Any]
    malformed: Callable[[Random], tuple[str, Any]]
    """A kind of malformed action, and one of that kind."""
    state: Callable[[], Mapping[str, Any]]
    """What must not change."""
    good: Mapping[str, np.ndarray] = field(default_factory=dict)
    """A valid dictionary action, of an environment."""


def targets(environments: Mapping[str, Any] = ENVIRONMENTS) -> list[Target]:
    """Every environment as single and vector environment, with every codec of its dynamics, and one by one."""
    return list(itertools.chain.from_iterable(_targets(name) for name in environments))


def _targets(name: str) -> Iterator[Target]:
    env: Any = gymnasium.make(name).unwrapped
    envs: Any = gymnasium.make_vec(name, num_envs=ROWS, vectorization_mode="vector_entry_point").unwrapped
    env.reset(seed=0)
    observations, _ = envs.reset(seed=0)
    for label, one, state in (("env", env, _state_of(env)), ("vector", envs, _state_of(envs))):
        good = {key: np.asarray(value) for key, value in one.action_space.sample().items()}
        yield Target(f"{name} {label}", one.step, _mappings(good), state, good)
    for codec_name in CODECS[env.scenario.dynamics]:
        codec = make_codec(codec_name, env.scenario)
        flat = np.stack([codec.space.sample() for _ in range(ROWS)])
        decode = _decoder(codec, observations)
        yield Target(f"{name} codec {codec_name}", decode, _values(flat), _state_of(envs))
        wrapper = CodecWrapper(gymnasium.make(name), codec_name)
        wrapper.reset(seed=0)
        yield Target(f"{name} wrapper {codec_name}", wrapper.step, _values(flat[0]), _state_of(wrapper.unwrapped))
    if env.scenario.dynamics == "batching":
        sequential = SequentialWrapper(gymnasium.make(name))
        sequential.reset(seed=0)
        yield Target(f"{name} sequential", sequential.step, _values(np.array(0)), _state_of(sequential.unwrapped))


def _mappings(good: Mapping[str, np.ndarray]) -> Callable[[Random], tuple[str, Any]]:
    return lambda rng: malformed_mapping(rng, good)


def _values(good: np.ndarray) -> Callable[[Random], tuple[str, Any]]:
    return lambda rng: malformed_value(rng, good, clipped=good.dtype.kind == "f")


def _decoder(codec: Any, observations: Any) -> Callable[[Any], Any]:
    return lambda action: codec.decode(action, observations)


def _state_of(env: Any) -> Callable[[], Mapping[str, Any]]:
    simulator: Simulator = env.simulator
    generators = env.np_random if isinstance(env.np_random, tuple) else (env.np_random,)

    def state() -> Mapping[str, Any]:
        arrays = {**dict(leaves(simulator.tape)), **{f"state.{key}": value for key, value in leaves(simulator.state)}}
        return arrays | {"generators": str([each.bit_generator.state for each in generators])}

    return state


def run(options: Options) -> Tally:
    """Malformed actions in turn for every target."""
    tally, chosen = Tally(), targets()
    before = [_copy(target) for target in chosen]
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # what NumPy only warns about must be found out as well
        for case in range(options.count):
            index = case % len(chosen)
            kind, outcome = attempt(chosen[index], before[index], np.random.default_rng((options.seed, case)))
            tally.outcomes[outcome] += 1
            if outcome != "ActionError":
                before[index] = _copy(chosen[index])
                tally.faults.append(f"case {case}: {chosen[index].name}, {kind}: {outcome}")
    return tally


def _copy(target: Target) -> dict[str, np.ndarray]:
    return {key: np.array(value) for key, value in target.state().items()}


def attempt(target: Target, before: Mapping[str, np.ndarray], rng: Random) -> tuple[str, str]:
    """The kind of a malformed action and what became of it: "ActionError" if all is well."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        kind, action = target.malformed(rng)
    try:
        target.act(action)
        outcome = "accepted"
    except ActionError as error:
        outcome = "ActionError" if len(str(error)) <= LONGEST_MESSAGE else f"message of {len(str(error))} characters"
    except Exception as error:
        outcome = f"{type(error).__name__} instead of ActionError"
    after = target.state()
    changed = [
        key for key, value in before.items() if not np.array_equal(value, after[key], equal_nan=value.dtype.kind == "f")
    ]
    return kind, f"state changed: {changed}" if changed else outcome
