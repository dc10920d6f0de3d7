"""Progress of a training run."""

from stable_baselines3.common.callbacks import BaseCallback

from edge_llm_gym.sheets.progress import Progress


class ProgressCallback(BaseCallback):
    """Shows the environment steps of a run of `steps`."""

    def __init__(self, shown: Progress, steps: int) -> None:
        super().__init__()
        self._shown, self._steps = shown, steps

    def _on_training_start(self) -> None:
        self._advance = self._shown.task("training steps", self._steps, self.num_timesteps)

    def _on_step(self) -> bool:
        self._advance(self.num_timesteps)
        return True
