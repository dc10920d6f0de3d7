"""Records an episode as an animated GIF."""

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from edge_llm_gym.evaluation.policies import is_trained, policy_path, policy_sources
from edge_llm_gym.evaluation.vector_rollout import steps_of
from edge_llm_gym.experts import Policy
from edge_llm_gym.files import remove_leftovers, replacing, writable_folder
from edge_llm_gym.sb3.pretrained import description_of
from edge_llm_gym.sheets.progress import progress


def record(
    policy: str, out: Path, *, environment: str | None, seed: int, epochs: int, frame_ms: int
) -> tuple[int, float]:
    """Writes a GIF of the first epochs of an episode; returns the number of frames and the sum of the rewards.

    Raises ConfigError for a missing policy, ValueError for a file that is no GIF or cannot be written, and what the
    environment raises where it cannot be rendered.
    """
    if out.suffix.lower() != ".gif":
        raise ValueError(f"an animation is written as GIF: name a file that ends with .gif, got {str(out)!r}")
    remove_leftovers(writable_folder(out.parent))
    env = gymnasium.make(environment or _environment_of(policy), render_mode="rgb_array")
    (source,) = policy_sources([policy])
    frames, total = _play(env, source.make(env, seed), seed, epochs)
    images = [_image(frame) for frame in frames]
    with replacing(out) as temporary:
        images[0].save(temporary, save_all=True, append_images=images[1:], duration=frame_ms, loop=0)
    return len(images), total


def _environment_of(policy: str) -> str:
    if not is_trained(policy):
        raise ValueError(f"expert {policy!r} can act in several environments: name one, as in EdgeLLM/MultiNode-v0")
    return description_of(policy_path(policy)).environment.id


def _play(env: gymnasium.Env, policy: Policy, seed: int, epochs: int) -> tuple[list[np.ndarray], float]:
    """A frame after each step, and the sum of the rewards."""
    frames: list[np.ndarray] = []
    total = 0.0
    with progress() as shown:
        advance = shown.task("frames", epochs)
        for step in steps_of(env, policy, seed, epochs):
            frames.append(np.asarray(env.render()))
            total += float(step.reward)
            advance(len(frames))
            if step.ended.all():
                break
    return frames, total


def _image(frame: np.ndarray) -> Any:
    from PIL import Image

    return Image.fromarray(frame)
