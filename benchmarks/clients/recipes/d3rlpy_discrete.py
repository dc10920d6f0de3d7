"""d3rlpy: discrete behaviour cloning and CQL from episodes of an expert, one request per step."""

import subprocess
import sys

import d3rlpy

import edge_llm_gym  # registers the ids

ID = "EdgeLLM/SingleNode-Sequential-v0"
SETTINGS = {"overrides": {"slots": 6, "horizon_epochs": 20}}
STEPS = 1_000
DATASET = "edge-llm-gym/singlenode-sequential/edf-v0"
SMALL = "--set slots=6 --set horizon_epochs=20"
RECORD = f"record-dataset -e {ID} {SMALL} -p edf -n 40 -d {DATASET} --overwrite"

subprocess.run([sys.executable, "-m", "edge_llm_gym", *RECORD.split()], check=True)
dataset, env = d3rlpy.datasets.get_minari(DATASET)
evaluate = d3rlpy.metrics.EnvironmentEvaluator(env, n_trials=3)
RETURNS = {}
for name, algorithm_of in {"bc": d3rlpy.algos.DiscreteBCConfig, "cql": d3rlpy.algos.DiscreteCQLConfig}.items():
    algorithm = algorithm_of(batch_size=256, learning_rate=1e-3).create(device="cpu")
    algorithm.fit(dataset, n_steps=STEPS, n_steps_per_epoch=STEPS, show_progress=False)
    RETURNS[name] = evaluate(algorithm, dataset)


def act(observation):
    return algorithm.predict(observation[None])[0]
