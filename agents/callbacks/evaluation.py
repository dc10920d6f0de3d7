"""Plays held-out seeds during training and charts the learner beside its expert."""

from pathlib import Path

from stable_baselines3.common.logger import HParam
from torch.utils.tensorboard import SummaryWriter

from agents.acting import Learner
from agents.adapter import NativeVecEnv
from agents.callbacks.schedule import AtBoundary
from agents.config import RunConfig
from agents.evaluation import Scores, evaluate, expert_scores, make_envs


class EvaluationCallback(AtBoundary):
    """Records under `evaluation/`; keeps the best weights so far at <run>/best.zip.

    The expert's figures go under the same tags into the folder `expert` beside the learner's, so that TensorBoard
    draws both lines into one chart.
    """

    def __init__(self, folder: Path, config: RunConfig) -> None:
        super().__init__(config.evaluation.every)
        self._folder, self._config = folder, config
        self._best = float("-inf")
        self._expert: Scores | None = None
        self._writer: SummaryWriter | None = None

    def _on_training_start(self) -> None:
        self._envs = make_envs(self._config, self._config.evaluation.seeds)
        if self._config.evaluation.expert is not None:
            self._expert = expert_scores(self._config, self._config.evaluation.expert, self._folder)
            self._writer = SummaryWriter(str(self._folder / "tensorboard" / "expert"))

    def act(self) -> None:
        """Plays the seeds and records what came of it."""
        env: NativeVecEnv = self.training_env  # type: ignore[assignment]
        learner = Learner("learner", self.model.policy, env.tokens, env.codec)
        scores = evaluate(self._envs, learner, self._config.evaluation.first_seed)
        for name, values in scores.figures.items():
            self.logger.record(f"evaluation/{name}", float(values.mean()))
        self._record_expert(scores)
        mean = float(scores.score.mean())
        if mean > self._best:
            self._best = mean
            self.model.save(self._folder / "best.zip")
        self.logger.record("evaluation/best", self._best)
        self.logger.dump(self.num_timesteps)

    def _record_expert(self, scores: Scores) -> None:
        if self._expert is None or self._writer is None:
            return
        for name, values in self._expert.figures.items():
            self._writer.add_scalar(f"evaluation/{name}", float(values.mean()), self.num_timesteps)
        self._writer.flush()
        regret = scores.regret(self._expert)
        for name in ("mean", "low", "high"):
            self.logger.record(f"regret/{name}", getattr(regret, name))

    def _on_training_end(self) -> None:
        self.act()
        hyperparameters = {
            name: value if isinstance(value, (int, float, str)) else str(value)
            for name, value in {"algorithm": self._config.algorithm, **self._config.hyperparameters}.items()
        }
        self.logger.record(
            "hparams",
            HParam(hyperparameters, {"evaluation/score": 0.0}),
            exclude=("stdout", "log", "json", "csv"),
        )
        self.logger.dump(self.num_timesteps)
        if self._writer is not None:
            self._writer.close()
