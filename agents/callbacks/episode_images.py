"""Renders an episode of the first row at intervals, as images in TensorBoard."""

from collections.abc import Mapping
from typing import Any

from stable_baselines3.common.logger import Figure, Image

from agents.callbacks.schedule import RolloutStartCallback
from edge_llm_gym.env.vector_env import EdgeLLMVectorEnv
from edge_llm_gym.rendering import render_row
from edge_llm_gym.rendering.timeline import episode_timeline

TEXT_FORMATS = ("stdout", "log", "json", "csv")


class EpisodeImageCallback(RolloutStartCallback):
    """Records the first row near the end of its episode: `picture/frame`, and `picture/timeline` for all of it.

    The frame shows the last epoch but one, since the next episode begins in the step that ends this one.
    """

    def __init__(self, every: int) -> None:
        super().__init__(every)
        self._is_due = False

    def act(self) -> None:
        """Schedules a recording for the end of the episode."""
        self._is_due = True

    def state(self) -> dict[str, Any]:
        """The schedule, and whether a recording is pending."""
        return super().state() | {"is_due": self._is_due}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continues from what `state` returned."""
        super().restore(state)
        self._is_due = bool(state["is_due"])

    def _on_step(self) -> bool:
        envs: EdgeLLMVectorEnv = self.training_env.envs  # type: ignore[attr-defined]
        if self._is_due and envs.simulator.state.epoch[0] >= envs.scenario.horizon_epochs - 1:
            self._is_due = False
            self._draw(envs)
        return True

    def _draw(self, envs: EdgeLLMVectorEnv) -> None:
        simulator, last = envs.simulator, envs._last
        caption = f"agent after {self.num_timesteps} steps"
        frame = render_row(simulator, 0, last, "rgb_array", caption)
        timeline = episode_timeline(simulator, 0, caption)
        self.logger.record("picture/frame", Image(frame, "HWC"), exclude=TEXT_FORMATS)
        self.logger.record("picture/timeline", Figure(timeline, close=True), exclude=TEXT_FORMATS)
