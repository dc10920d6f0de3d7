"""Hashes everything that the environments return, so that two versions of the package can be compared bit by bit.

Plays episodes of every registered environment with random actions and with experts, and hashes observations, rewards,
terminations and the numeric entries of `info`. Keys of `info` that have been renamed are mapped to their present names,
so the hashes of a version from before a renaming agree with those of a version after it:

    python -m benchmarks.fingerprint --out new.json
    PYTHONPATH=path/to/the/old/checkout python benchmarks/fingerprint.py --out old.json
    python -m benchmarks.fingerprint --check old.json
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

import edge_llm_gym
from edge_llm_gym.experts import make_expert
from edge_llm_gym.files import write_text

POLICIES: dict[str, tuple[str, ...]] = {
    "EdgeLLM/SingleNode-v0": ("sample", "random", "dftsp", "sjf"),
    "EdgeLLM/MultiNode-v0": ("sample", "random", "ot-gah", "edf"),
    "EdgeLLM/EarlyExit-v0": ("sample", "random", "dto-ee", "fixed-threshold"),
    "EdgeLLM/Joint-v0": ("sample", "random", "ot-gah+dto-ee", "fcfs+no-exit"),
    "EdgeLLM/Continuous-v0": ("sample", "random", "ot-gah", "edf"),
}
"""Environment -> policies that are played; "sample" draws from the action space."""
RENAMED = {
    "poor": "below_quality",
    "poor_value": "below_quality_value",
    "unseen": "hidden",
    "asked": "requested",
}
"""Keys of `info` as earlier versions called them -> present keys."""


def present_name(key: str) -> str:
    """The present name of a key of `info`; a leading underscore marks Gymnasium's masks of vector infos."""
    name = key.removeprefix("_")
    return key.replace(name, RENAMED.get(name, name))


def numbers(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, np.ndarray]]:
    """Every numeric entry of nested dictionaries with its path, sorted by present names."""
    if isinstance(value, Mapping):
        renamed = {present_name(key): item for key, item in value.items()}
        for key in sorted(renamed):
            yield from numbers(renamed[key], (*path, key))
    else:
        yield ".".join(path), np.ascontiguousarray(value)


class Digest:
    """A running hash of named arrays: name, dtype, shape and bytes."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def add(self, value: Any) -> None:
        """Adds a number, an array or a nested dictionary of them."""
        for name, array in numbers(value):
            self._hash.update(f"{name} {array.dtype} {array.shape} ".encode())
            self._hash.update(array.tobytes())

    def text(self) -> str:
        """The hash so far."""
        return self._hash.hexdigest()


def single_episode(env: gym.Env, policy: str, seed: int) -> str:
    """Hash of one episode of the single environment."""
    digest, expert = Digest(), None if policy == "sample" else make_expert(policy, env, seed=seed)
    env.action_space.seed(seed)
    observation, info = env.reset(seed=seed)
    digest.add({"observation": observation, "info": info})
    state, over = None, False
    while not over:
        if expert is None:
            action = env.action_space.sample()
        else:
            action, state = expert.predict(observation, state)
        observation, reward, terminated, truncated, info = env.step(action)
        over = terminated or truncated
        ending = {"reward": reward, "terminated": terminated, "truncated": truncated}
        digest.add({"observation": observation, "info": info} | ending)
    return digest.text()


def vector_steps(environment: str, rows: int, steps: int) -> str:
    """Hash of native rows under sampled actions, across automatic resets."""
    envs = gym.make_vec(environment, num_envs=rows, vectorization_mode="vector_entry_point")
    envs.action_space.seed(0)
    digest = Digest()
    observation, info = envs.reset(seed=0)
    digest.add({"observation": observation, "info": info})
    for _ in range(steps):
        observation, reward, terminated, truncated, info = envs.step(envs.action_space.sample())
        ending = {"reward": reward, "terminated": terminated, "truncated": truncated}
        final = {key: value for key, value in info.items() if not key.startswith(("final", "_"))}
        digest.add({"observation": observation, "info": final} | ending)
    envs.close()
    return digest.text()


def fingerprint(seeds: int) -> dict[str, list[str]]:
    """Hashes by environment and policy, one for each seed, and one for the native rows."""
    found: dict[str, list[str]] = {}
    for environment, policies in POLICIES.items():
        env = gym.make(environment)
        for policy in policies:
            found[f"{environment} {policy}"] = [single_episode(env, policy, seed) for seed in range(seeds)]
            print(f"{environment} {policy}: {found[f'{environment} {policy}'][0][:16]} ...", flush=True)
        found[f"{environment} 8 rows"] = [vector_steps(environment, rows=8, steps=250)]
    return found


def differences(old: Mapping[str, list[str]], new: Mapping[str, list[str]]) -> list[str]:
    """One line for each entry that differs or that only one version has."""
    lines = []
    for name in sorted({*old, *new}):
        pairs = list(zip(old.get(name, []), new.get(name, []), strict=False))
        differing = [index for index, (before, after) in enumerate(pairs) if before != after]
        if not pairs or differing:
            lines.append(f"{name}: differs in {len(differing)} of {len(pairs)} episodes")
    return lines


def main() -> int:
    """Prints hashes, writes them to a file, or compares them with those of another version."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--out", type=Path, help="JSON file to write")
    parser.add_argument("--check", type=Path, help="JSON file of another version to compare with")
    arguments = parser.parse_args()
    print(f"package at {Path(edge_llm_gym.__file__).parent}")
    found = fingerprint(arguments.seeds)
    if arguments.out is not None:
        write_text(arguments.out, json.dumps(found, indent=1))
    if arguments.check is None:
        return 0
    differing = differences(json.loads(arguments.check.read_text()), found)
    print("\n".join(differing) or f"equal in all {sum(map(len, found.values()))} entries")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
