"""Kills runs with SIGKILL at random moments, resumes them, and compares the files with those of uninterrupted runs."""
