"""RL Baselines3 Zoo: PPO with a YAML of hyper-parameters, by its command line."""

import subprocess
import sys
from pathlib import Path

from stable_baselines3 import PPO

import edge_llm_gym  # registers the ids

ID = "EdgeLLM/SingleNode-Flat-v0"
SETTINGS = {"observation": "none"}
STEPS = 16_000
YAML = Path(__file__).with_name("rl_zoo3.yml")
COMMAND = f"rl_zoo3.train --algo ppo --env {ID} --gym-packages edge_llm_gym --conf-file {YAML} -n {STEPS} --seed 0"
FOR_ENV = [f"{name}:{value!r}" for name, value in SETTINGS.items()]
LOGS = ["--log-folder", "logs", "--eval-freq", "-1"]

subprocess.run([sys.executable, "-m", *COMMAND.split(), "--env-kwargs", *FOR_ENV, *LOGS], check=True)
newest = max(Path("logs/ppo").glob("*/*.zip"), key=lambda path: path.stat().st_mtime)
model = PPO.load(newest)


def act(observation):
    return model.predict(observation, deterministic=True)[0]
