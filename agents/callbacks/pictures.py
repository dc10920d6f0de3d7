"""Renders one epoch of an episode now and then, as a figure in TensorBoard."""

from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Figure

from agents.callbacks.schedule import AtBoundary
from agents.config import RunConfig
from edge_llm_gym.evaluation.plots import new_figure
from edge_llm_gym.rendering import render_row


class PictureCallback(AtBoundary):
    """Records what the first row shows under `episode/epoch`."""

    def act(self) -> None:
        """Draws the first row."""
        simulator = self.training_env.envs.simulator  # type: ignore[attr-defined]
        figure = new_figure(12.0, 7.0)
        axis = figure.subplots()
        axis.imshow(render_row(simulator, 0, None, "rgb_array"))
        axis.set_axis_off()
        self.logger.record("episode/epoch", Figure(figure, close=True), exclude=("stdout", "log", "json", "csv"))
        self.logger.dump(self.num_timesteps)


def picture_callbacks(config: RunConfig, is_drawn: bool) -> list[BaseCallback]:
    """One, where the admission can be drawn."""
    return [PictureCallback(config.evaluation.every)] if is_drawn else []
