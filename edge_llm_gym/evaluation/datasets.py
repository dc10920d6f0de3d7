"""Episodes of a policy as a dataset in Minari's format, of any registered environment.

The dataset holds the spec of the environment (`dataset.recover_environment()` makes it again, also from a scenario
file or with overrides), the seed of every episode and the name of the policy.
"""

import shutil
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import gymnasium
import numpy as np

import edge_llm_gym
from edge_llm_gym.arrays import Array
from edge_llm_gym.codecs.wrappers import EncodedPolicy
from edge_llm_gym.evaluation.policies import PolicySource
from edge_llm_gym.experts import Policy
from edge_llm_gym.messages import quoted
from edge_llm_gym.sb3.pretrained import PRETRAINED, constant_action, is_linear_inside, pretrained_file, pretrained_path
from edge_llm_gym.scenario import scenario_of

FORMAT: Final = "hdf5"
PARAMETERS: Final = "parameters"
"""Codec whose flat action is that of a shipped policy with constant parameters."""


@dataclass(frozen=True)
class About:
    """Metadata of a dataset; those that are None are left out."""

    author: str | None = None
    author_email: str | None = None
    code_permalink: str | None = None


class ConstantPolicy:
    """Returns the same flat action in every step."""

    def __init__(self, action: Array) -> None:
        self._action = action

    def predict(
        self, observation: Any, state: Any = None, episode_start: Any = None, deterministic: bool = False
    ) -> tuple[Array, Any]:
        """The action, and no state."""
        return self._action.copy(), state


def record(
    env: gymnasium.Env,
    source: PolicySource,
    dataset_id: str,
    seeds: Iterable[int],
    *,
    about: About | None = None,
    infos: bool = False,
    overwrite: bool = False,
) -> Any:
    """Records one episode for each seed; returns the Minari dataset, which is in Minari's local store.

    Args:
        env: an environment of `gymnasium.make`, with dictionaries or flat.
        source: the policy; it acts deterministically. Stochastic experts are seeded with the seed of the episode.
        dataset_id: "namespace/name-v0".
        seeds: seeds of the episodes.
        about: author and address of the code.
        infos: also store the infos.
        overwrite: replace a dataset of this id.

    Raises ImportError without Minari (extra "data"), and ValueError for a malformed id, for one that exists, and for a
    policy whose actions the codec of a flat environment cannot express.
    """
    minari, chosen = minari_module(), tuple(seeds)
    path = dataset_path(dataset_id)
    if path.exists() and not overwrite:
        raise ValueError(f"dataset {dataset_id!r} exists in {str(path)!r}; name another one, or replace it: overwrite")
    buffers = [_episode(env, source, number, seed, infos) for number, seed in enumerate(chosen)]
    if path.exists():
        minari.delete_dataset(dataset_id)
    try:
        return _written(minari, dataset_id, buffers, env, _metadata(env, source.name, chosen, about or About()))
    except BaseException:  # nothing incomplete stays
        shutil.rmtree(path, ignore_errors=True)
        raise


def dataset_path(dataset_id: str) -> Path:
    """Folder of a dataset in Minari's local store. Raises ValueError for a malformed id."""
    minari_module()
    from minari.dataset.minari_dataset import DATASET_ID_RE  # type: ignore[import-untyped]
    from minari.storage import get_dataset_path  # type: ignore[import-untyped]

    match = DATASET_ID_RE.fullmatch(dataset_id)
    if match is None or match["version"] is None:
        raise ValueError(f"a dataset is named as namespace/name-v0, with the version, got {quoted(dataset_id)}")
    return Path(get_dataset_path(dataset_id))


def acting_policy(source: PolicySource, env: gymnasium.Env, seed: int) -> Policy | ConstantPolicy:
    """The policy in the actions of an environment: those of the codec where the environment is flat.

    Raises ValueError for a policy that the codec cannot express.
    """
    inner: Any = env.unwrapped
    codec = getattr(inner, "codec", None)
    if codec is None:
        return source.make(env, seed)
    if isinstance(source.source, str) and source.source.startswith(PRETRAINED) and _takes_parameters(env):
        return _constant(source.source.removeprefix(PRETRAINED), env)
    return EncodedPolicy(source.make(inner.structured, seed), env)


def _takes_parameters(env: gymnasium.Env) -> bool:
    assert env.spec is not None  # made by gymnasium.make
    return env.spec.kwargs.get("codec") == PARAMETERS


def _constant(name: str, env: gymnasium.Env) -> ConstantPolicy:
    """The parameters of a shipped policy as a flat action.

    Raises ValueError where the environment takes others, or its codec has other settings than the policy's.
    """
    content, inner = pretrained_file(name), env.unwrapped
    assert env.spec is not None
    assert is_linear_inside(content.description), f"{name} is no linear policy"
    mine = content.description.codec.settings
    given = {key: env.spec.kwargs.get(key) for key in mine}
    action = constant_action(content, pretrained_path(name))
    if given != mine or action.shape != env.action_space.shape:
        raise ValueError(
            f"policy {PRETRAINED + name!r} has {action.size} parameters of codec {PARAMETERS!r} with settings "
            f"{dict(mine)}, but scenario {scenario_of(inner).name!r} takes {env.action_space.shape} with settings "
            f"{given}; record the environment with these settings"
        )
    return ConstantPolicy(action)


def _episode(env: gymnasium.Env, source: PolicySource, number: int, seed: int, infos: bool) -> Any:
    """The EpisodeBuffer of one episode."""
    # Reset before the policy is made: policies of flat environments read the present scenario.
    first, info = env.reset(seed=seed)
    played = list(_steps(env, acting_policy(source, env, seed), first))
    columns = list(zip(*played, strict=True))
    observations, actions, rewards, terminations, truncations, after = map(list, columns)
    return _buffer_class()(
        id=number,
        seed=seed,
        observations=stacked([first, *observations]),
        actions=stacked(actions),
        rewards=[float(reward) for reward in rewards],
        terminations=terminations,
        truncations=truncations,
        infos=stacked([info, *after]) if infos else {},
    )


def _steps(env: gymnasium.Env, policy: Policy | ConstantPolicy, observation: Any) -> Iterator[tuple[Any, ...]]:
    """(next observation, action, reward, terminated, truncated, info) until the episode ends."""
    state, start, ended = None, np.ones(1, np.bool_), False
    while not ended:
        action, state = _predicted(policy, observation, state, start)
        observation, reward, terminated, truncated, info = env.step(action)
        ended, start = terminated or truncated, np.zeros(1, np.bool_)
        yield observation, action, reward, bool(terminated), bool(truncated), info


def _predicted(policy: Policy | ConstantPolicy, observation: Any, state: Any, start: Array) -> tuple[Any, Any]:
    try:
        return policy.predict(observation, state=state, episode_start=start, deterministic=True)
    except NotImplementedError as error:
        raise ValueError(
            f"{error}; record an id with dictionaries, or name a codec with an inverse: --codec priority"
        ) from None


def stacked(values: Sequence[Any]) -> Any:
    """Values of successive steps as arrays with a leading axis of steps, key by key in nested dictionaries."""
    if isinstance(values[0], Mapping):
        return {key: stacked([value[key] for value in values]) for key in values[0]}
    return np.stack([np.asarray(value) for value in values])


def _metadata(env: gymnasium.Env, policy: str, seeds: Sequence[int], about: About) -> dict[str, Any]:
    assert env.spec is not None
    return {
        "algorithm_name": policy,
        "author": about.author,
        "author_email": about.author_email,
        "code_permalink": about.code_permalink,
        "description": f"{len(seeds)} episodes of {policy} on {env.spec.id}, scenario {scenario_of(env).name}, seeds "
        f"{seeds[0]} to {seeds[-1]}",
        "requirements": [f"edge-llm-gym=={edge_llm_gym.__version__}"],
    }


def _written(
    minari: Any, dataset_id: str, buffers: Sequence[Any], env: gymnasium.Env, metadata: Mapping[str, Any]
) -> Any:
    with warnings.catch_warnings():
        # Minari warns about each kind of metadata that is not given.
        warnings.filterwarnings("ignore", message="`.*` is set to None", category=UserWarning)
        return minari.create_dataset_from_buffers(dataset_id, buffers, env=env, data_format=FORMAT, **metadata)


def _buffer_class() -> Any:
    from minari.data_collector.episode_buffer import EpisodeBuffer  # type: ignore[import-untyped]

    return EpisodeBuffer


def minari_module() -> Any:
    """Minari. Raises ImportError where it is missing."""
    try:
        import minari  # type: ignore[import-untyped]
    except ImportError as error:
        raise ImportError("datasets need Minari: pip install 'edge-llm-gym[data]'") from error
    return minari
