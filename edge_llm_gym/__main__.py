"""`python -m edge_llm_gym` runs the command line."""

from edge_llm_gym.cli import main

main()
