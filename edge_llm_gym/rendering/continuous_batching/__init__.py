"""Pictures of continuous batching: those of batching dynamics, with the sequences of the nodes in place of batches."""
