"""Training on Edge LLM Gym from a checkout: training runs, imitation, search, and the callbacks that record them.

The vector environment, networks and trained policies that this builds on are in `edge_llm_gym.sb3`.
"""
