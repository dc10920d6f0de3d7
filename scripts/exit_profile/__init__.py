"""The parts of scripts/make_exit_profile.py: the text, the model, its training, the measurement and the pictures."""
