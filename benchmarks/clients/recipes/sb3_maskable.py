"""sb3-contrib: MaskablePPO, which finds the masks of the environment by itself."""

from sb3_contrib import MaskablePPO

import edge_llm_gym  # registers the ids

ID = "EdgeLLM/SingleNode-MultiDiscrete-v0"
STEPS = 3_000

model = MaskablePPO("MlpPolicy", ID, n_steps=500, batch_size=250, learning_rate=1e-3, gamma=0.9, seed=0, device="cpu")
model.learn(STEPS)


def act(observation):
    return model.predict(observation, deterministic=True)[0]
