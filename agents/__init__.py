"""Learning on Edge LLM Gym: everything that needs Stable-Baselines3 or PyTorch lives here, outside the package.

The environments and experts know nothing of this package; it lies beside them, not above them in the wheel.
"""
