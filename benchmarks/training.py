"""Training throughput: native rows against copies of the single environment, in one run, as a ratio.

python -m benchmarks.training --rows 256 --copies 8 --steps 32768 --out runs/benchmarks
python -m benchmarks.training --recipes configs/agents/parameters-*.yaml --threads 1 2

PPO learns on both with the same policy and hyperparameters; each side is timed from its second rollout on. The share of
time spent in the environment counts stepping, decoding and reading, not the network.

With --recipes, each recipe learns with 256 rows under each number of threads: environment steps per second, and the
shares of the wall time in the environment, in the decoder and in the rest, which is the learner.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import gymnasium
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecEnvWrapper

from agents.config import RunConfig, read_config
from agents.models import make_model
from agents.runtime import prepare_process
from agents.training import make_env
from benchmarks.reports import Row, save
from edge_llm_gym.registration import flat_id
from edge_llm_gym.sb3 import ForkCallback

BASE: dict[str, Any] = {
    "environment": {"id": "EdgeLLM/MultiNode-v0", "reward_scale": 0.05},
    "codec": {"name": "priority"},
    "policy": {"width": 16},
    "hyperparameters": {"n_epochs": 3},
}


class Timed(VecEnvWrapper):
    """Sums the time spent in the environment."""

    spent_s = 0.0

    def reset(self) -> Any:
        return self.venv.reset()

    def step_async(self, actions: Any) -> None:
        begin_s = time.perf_counter()
        self.venv.step_async(actions)
        self.spent_s += time.perf_counter() - begin_s

    def step_wait(self) -> Any:
        begin_s = time.perf_counter()
        result = self.venv.step_wait()
        self.spent_s += time.perf_counter() - begin_s
        return result


class TimedCalls:
    """An object whose method `name` is timed; everything else is passed on."""

    def __init__(self, inner: Any, name: str) -> None:
        self._inner, self._name, self.spent_s = inner, name, 0.0

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._inner, name)
        return self._timed(attribute) if name == self._name else attribute

    def _timed(self, method: Any) -> Any:
        def call(*arguments: Any, **settings: Any) -> Any:
            begin_s = time.perf_counter()
            result = method(*arguments, **settings)
            self.spent_s += time.perf_counter() - begin_s
            return result

        return call


class Timer(BaseCallback):
    """Starts timing at the second rollout, after compilation."""

    def __init__(self, env: Timed) -> None:
        super().__init__()
        self.env, self.rollouts = env, 0

    def _on_rollout_start(self) -> None:
        self.rollouts += 1
        if self.rollouts == 2:
            self.env.spent_s = 0.0
            self.begin_s, self.first = time.perf_counter(), self.num_timesteps

    def _on_step(self) -> bool:
        return True


def measured(env: VecEnv, config: RunConfig, scenario: Any, steps: int) -> Row:
    """Environment steps per second of learning, and the environment's share of the time."""
    timed = Timed(env)
    model = make_model(config, timed, scenario)
    assert isinstance(model, PPO)
    timer = Timer(timed)
    model.set_logger(Logger(None, []))  # the default one makes a folder in the folder of temporary files
    rollout = env.num_envs * model.n_steps
    model.learn(rollout + steps, callback=timer)
    wall_s = time.perf_counter() - timer.begin_s
    done = model.num_timesteps - timer.first
    return {"env_steps_per_s": done / wall_s, "environment_share": timed.spent_s / wall_s, "env_steps": done}


def configured(rows: int, n_steps: int, batch_size: int) -> RunConfig:
    """The run configuration with other sizes."""
    return read_config(
        BASE | {"rows": rows}, {"hyperparameters.n_steps": n_steps, "hyperparameters.batch_size": batch_size}
    )


def single_env(config: RunConfig) -> gymnasium.Env:
    """One copy of the single environment."""
    environment = flat_id(config.environment.id, "Flat")
    return gymnasium.make(environment, codec=config.codec.name, observation="tokens", **config.codec.settings)


def compare(rows: int, copies: int, steps: int) -> Row:
    """Both sides and their ratio; rollouts are of the same length in environment steps, at the usual batch sizes."""
    native = configured(rows, 32, 2048)
    env = make_env(native)
    fast = measured(env, native, env.envs.scenario, steps)
    plain = configured(copies, 256, 64)
    slow_env = DummyVecEnv([lambda: single_env(plain) for _ in range(copies)])
    slow = measured(slow_env, plain, env.envs.scenario, max(steps // 8, copies * 256))
    return {
        "native": {"rows": rows, "batch_size": 2048} | fast,
        "dummy": {"rows": copies, "batch_size": 64} | slow,
        "ratio": fast["env_steps_per_s"] / slow["env_steps_per_s"],
    }


def shares(recipe: Path, rows: int, threads: int, steps: int) -> Row:
    """Environment steps per second of a recipe, and the shares of environment, decoder and learner."""
    prepare_process(threads)
    config = read_config(recipe, {"rows": rows, "threads": threads, "steps": 0})
    env = make_env(config)
    stepping, decoding = TimedCalls(env.envs, "step"), TimedCalls(env.codec, "decode")
    env.envs, env.codec = stepping, decoding  # type: ignore[assignment]
    model = make_model(config, env, stepping.scenario)
    callbacks: list[BaseCallback] = [ForkCallback()] if config.group > 1 else []
    rollout = rows * model.n_steps  # type: ignore[attr-defined]
    model.learn(rollout, callback=callbacks)  # compiles
    stepping.spent_s = decoding.spent_s = 0.0
    begin_s = time.perf_counter()
    model.learn(max(steps, rollout), callback=callbacks)
    wall_s = time.perf_counter() - begin_s
    parts = {"environment": stepping.spent_s / wall_s, "decoder": decoding.spent_s / wall_s}
    # Each call counts from 0, to whole rollouts.
    return {"env_steps_per_s": model.num_timesteps / wall_s, **parts, "learner": 1.0 - sum(parts.values())}


def print_shares(options: argparse.Namespace) -> None:
    print("| recipe | threads | env-steps/s | environment | decoder | learner |")
    print("|---|---:|---:|---:|---:|---:|")
    report: dict[str, Row] = {}
    for recipe in options.recipes:
        for threads in options.threads:
            row = report[f"{recipe.stem} {threads}"] = shares(recipe, options.rows, threads, options.steps)
            parts = " | ".join(f"{row[part]:.0%}" for part in ("environment", "decoder", "learner"))
            print(f"| `{recipe.stem}` | {threads} | {row['env_steps_per_s']:,.0f} | {parts} |", flush=True)
    save(report, options.out, "training-shares")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=256)
    parser.add_argument("--copies", type=int, default=8)
    parser.add_argument("--steps", type=int, default=32_768)
    parser.add_argument("--out", type=Path, default=Path("runs/benchmarks"))
    parser.add_argument("--recipes", type=Path, nargs="+", help="configurations whose shares of time are measured")
    parser.add_argument("--threads", type=int, nargs="+", default=[1], help="with --recipes")
    options = parser.parse_args()
    if options.recipes:
        print_shares(options)
        return
    prepare_process(threads=1)
    report = compare(options.rows, options.copies, options.steps)
    for name in ("native", "dummy"):
        row = report[name]
        print(
            f"{name:7} {row['rows']:4} rows {row['env_steps_per_s']:8.0f} env-steps/s, "
            f"{row['environment_share']:.0%} of the time in the environment"
        )
    print(f"ratio {report['ratio']:.1f}")
    save(report, options.out, "training")


if __name__ == "__main__":
    main()
