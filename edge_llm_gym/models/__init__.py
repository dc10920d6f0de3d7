"""The physics: pure functions of numbers, one module for each of model, quantisation, hardware, cost and channel."""
