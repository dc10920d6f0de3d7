"""Tianshou 2: PPO with its high-level interface."""

from tianshou.highlevel.config import OnPolicyTrainingConfig
from tianshou.highlevel.env import EnvFactoryRegistered, VectorEnvType
from tianshou.highlevel.experiment import ExperimentConfig, PPOExperimentBuilder

import edge_llm_gym  # registers the ids

ID = "EdgeLLM/SingleNode-Sequential-v0"
STEPS = 4_096

experiment = (
    PPOExperimentBuilder(
        EnvFactoryRegistered(task=ID, venv_type=VectorEnvType.DUMMY),
        ExperimentConfig(persistence_enabled=False, watch=False),
        OnPolicyTrainingConfig(
            max_epochs=1,
            epoch_num_steps=STEPS,
            num_training_envs=4,
            num_test_envs=1,
            collection_step_num_env_steps=512,
            update_step_num_repetitions=10,
        ),
    )
    .with_actor_factory_default((64, 64))
    .with_critic_factory_default((64, 64))
    .build()
)
policy = experiment.run().world.algorithm.policy


def act(observation):
    return policy.map_action(policy.compute_action(observation))
