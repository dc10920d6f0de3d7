"""Parts of scripts/make_exit_profile.py: corpus, model, training, measurement and figures."""
