"""imitation: behaviour cloning of an expert that plays a flat id."""

import numpy as np
from imitation.algorithms.bc import BC
from imitation.data import rollout
from imitation.data.wrappers import RolloutInfoWrapper
from stable_baselines3.common.env_util import make_vec_env

from edge_llm_gym.codecs.wrappers import EncodedPolicy
from edge_llm_gym.experts import make_expert

ID = "EdgeLLM/SingleNode-Sequential-v0"
EPISODES = 20

rng = np.random.default_rng(0)
venv = make_vec_env(ID, n_envs=2, seed=0, wrapper_class=RolloutInfoWrapper)
expert = EncodedPolicy(make_expert("edf", venv), venv)
episodes = rollout.rollout(expert, venv, rollout.make_sample_until(min_episodes=EPISODES), rng=rng)
trainer = BC(
    observation_space=venv.observation_space,
    action_space=venv.action_space,
    demonstrations=rollout.flatten_trajectories(episodes),
    rng=rng,
)
trainer.train(n_epochs=5)


def act(observation):
    return trainer.policy.predict(observation, deterministic=True)[0]
