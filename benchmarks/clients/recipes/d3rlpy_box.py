"""d3rlpy: behaviour cloning and TD3+BC from episodes of an expert with continuous actions."""

import subprocess
import sys

import d3rlpy

import edge_llm_gym  # registers the ids

ID = "EdgeLLM/EarlyExit-Flat-v0"
SETTINGS = {"codec": "box"}
STEPS = 1_000
DATASET = "edge-llm-gym/earlyexit-flat/dto-ee-v0"
RECORD = f"record-dataset -e {ID} --codec box -p dto-ee -n 10 -d {DATASET} --overwrite"

subprocess.run([sys.executable, "-m", "edge_llm_gym", *RECORD.split()], check=True)
dataset, env = d3rlpy.datasets.get_minari(DATASET)
evaluate = d3rlpy.metrics.EnvironmentEvaluator(env, n_trials=3)
RETURNS = {}
for name, config in {"bc": d3rlpy.algos.BCConfig(), "td3+bc": d3rlpy.algos.TD3PlusBCConfig()}.items():
    algorithm = config.create(device="cpu")
    algorithm.fit(dataset, n_steps=STEPS, n_steps_per_epoch=STEPS, show_progress=False)
    RETURNS[name] = evaluate(algorithm, dataset)


def act(observation):
    return algorithm.predict(observation[None])[0]
