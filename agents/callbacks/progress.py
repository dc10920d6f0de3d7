"""A progress bar in the terminal."""

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from stable_baselines3.common.callbacks import BaseCallback


def progress_bar() -> Progress:
    """A bar with a label, counts and the remaining time."""
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), transient=True
    )


class ProgressCallback(BaseCallback):
    """Shows the environment steps of a run of `steps` in a bar."""

    def __init__(self, bar: Progress, steps: int) -> None:
        super().__init__()
        self._bar, self._steps = bar, steps

    def _on_training_start(self) -> None:
        self._task = self._bar.add_task("training", total=self._steps, completed=self.num_timesteps)

    def _on_step(self) -> bool:
        self._bar.update(self._task, completed=self.num_timesteps)
        return True
