"""Pictures of batching dynamics: the queue of requests, batches and memory of the nodes, outcomes."""
