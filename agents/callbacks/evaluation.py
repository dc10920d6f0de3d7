"""Evaluates the agent on held-out seeds during training and logs its figures next to those of the expert."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from stable_baselines3.common.logger import HParam
from torch.utils.tensorboard import SummaryWriter

from agents.archives import save_model, score_in
from agents.callbacks.episode_images import TEXT_FORMATS
from agents.callbacks.schedule import RolloutStartCallback
from agents.config import RunConfig
from agents.evaluation import Scores, evaluate, expert_scores, make_envs
from edge_llm_gym.sb3.trained_policy import DecodedPolicy
from edge_llm_gym.sb3.vec_env import NativeVecEnv

REGRET_TAGS = {"mean": "regret/mean", "low": "regret/ci_low", "high": "regret/ci_high"}
"""Field of the interval -> tag."""

Scored = Callable[[int, float], None]
"""Called with the environment steps of a run so far and the score of an evaluation."""


def ignored(steps: int, score: float) -> None:
    """Does nothing with a score."""


class EvaluationCallback(RolloutStartCallback):
    """Records under `evaluation/`; keeps the best weights so far at <run>/best.zip.

    The expert's figures are written under the same tags into the folder `expert` beside the agent's, so that
    TensorBoard draws both lines into one chart. `say` is called with one line about each evaluation, `scored` with the
    steps so far and the score.
    """

    def __init__(
        self,
        folder: Path,
        config: RunConfig,
        say: Callable[[str], None] = lambda text: None,
        scored: Scored = ignored,
    ) -> None:
        super().__init__(config.evaluation.every)
        self._folder, self._config, self._say, self._scored = folder, config, say, scored
        self._best = float("-inf")
        self._expert: Scores | None = None
        self._writer: SummaryWriter | None = None

    def _on_training_start(self) -> None:
        self._envs = make_envs(self._config, self._config.evaluation.seeds)
        if self._config.evaluation.expert is not None:
            self._expert = expert_scores(self._config, self._config.evaluation.expert, self._folder)
            self._writer = SummaryWriter(str(self._folder / "tensorboard" / "expert"))
        env: NativeVecEnv = self.training_env  # type: ignore[assignment]
        self._agent = DecodedPolicy(self.model.policy, env.envs, env.codec)

    def act(self) -> None:
        """Evaluates the agent and records its figures."""
        scores = evaluate(self._envs, self._agent, self._config.evaluation.first_seed)
        for name in scores.figures:
            self.logger.record(f"evaluation/{name}", scores.mean(name))
        self._record_expert(scores)
        self._keep_best(scores.mean("score"))
        self.logger.record("evaluation/best_score", self._best)
        self.logger.dump(self.num_timesteps)
        self._say(f"after {self.num_timesteps:,} steps: {self._summary(scores)}")
        self._scored(self.num_timesteps, scores.mean("score"))

    def _summary(self, scores: Scores) -> str:
        """Scores of the agent and of the expert in a few words."""
        agent = f"score {scores.mean('score'):.4f}, best so far {self._best:.4f}"
        if self._expert is None:
            return agent
        return f"{agent}; expert {self._config.evaluation.expert} {self._expert.mean('score'):.4f}"

    def _keep_best(self, score: float) -> None:
        """Keeps the weights if they are the best of this run, and the file holds no better ones.

        The file may be ahead of the run: a resumed run repeats evaluations after its checkpoint, possibly under changed
        settings.
        """
        path = self._folder / "best.zip"
        if score > self._best:
            self._best = score
            if score >= score_in(path):
                save_model(self.model, path, score)

    def state(self) -> dict[str, Any]:
        """The schedule, and the best score so far (None before the first one)."""
        return super().state() | {"best": self._best if np.isfinite(self._best) else None}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continues from what `state` returned."""
        super().restore(state)
        self._best = float("-inf") if state["best"] is None else float(state["best"])

    def _record_expert(self, scores: Scores) -> None:
        if self._expert is None or self._writer is None:
            return
        for name in self._expert.figures:
            self._writer.add_scalar(f"evaluation/{name}", self._expert.mean(name), self.num_timesteps)
        self._writer.flush()
        regret = scores.regret(self._expert)
        for field, tag in REGRET_TAGS.items():
            self.logger.record(tag, getattr(regret, field))

    def _on_training_end(self) -> None:
        self.act()
        self._last = self.num_timesteps // self.every
        hyperparameters = {
            name: value if isinstance(value, (int, float, str)) else str(value)
            for name, value in {"algorithm": self._config.algorithm, **self._config.hyperparameters}.items()
        }
        self.logger.record("hparams", HParam(hyperparameters, {"evaluation/score": 0.0}), exclude=TEXT_FORMATS)
        self.logger.dump(self.num_timesteps)
        if self._writer is not None:
            self._writer.close()
