"""Records an episode as an animated picture."""

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from agents.callbacks.progress import progress_bar
from agents.loading import config_of
from edge_llm_gym.evaluation.policies import policy_sources


def record(policy: str, out: Path, *, environment: str | None, seed: int, epochs: int, frame_ms: int) -> int:
    """Writes a GIF of the first epochs of an episode; returns the number of pictures.

    Raises ConfigError for a missing policy, and what the environment raises where it cannot be drawn.
    """
    env = gymnasium.make(environment or _environment_of(policy), render_mode="rgb_array")
    (source,) = policy_sources([policy])
    pictures = _play(env, source.make(env, seed), seed, epochs)
    images = [_image(picture) for picture in pictures]
    images[0].save(out, save_all=True, append_images=images[1:], duration=frame_ms, loop=0)
    return len(images)


def _environment_of(policy: str) -> str:
    if not policy.endswith(".zip"):
        raise ValueError(f"expert {policy!r} can act in several environments: name one, as in EdgeLLM/MultiNode-v0")
    return config_of(Path(policy)).environment.id


def _play(env: gymnasium.Env, policy: Any, seed: int, epochs: int) -> list[np.ndarray]:
    observation, _ = env.reset(seed=seed)
    pictures: list[np.ndarray] = []
    with progress_bar() as bar:
        for _ in bar.track(range(epochs), description="episode"):
            action, _ = policy.predict(observation, deterministic=True)
            observation, _, terminated, truncated, _ = env.step(action)
            pictures.append(np.asarray(env.render()))
            if terminated or truncated:
                break
    return pictures


def _image(picture: np.ndarray) -> Any:
    from PIL import Image

    return Image.fromarray(picture)
