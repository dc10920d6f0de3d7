"""The simulator: scenario, tape, state and the one transition. It knows nothing of Gymnasium."""
