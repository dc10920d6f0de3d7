"""Staged admission: pooled requests join batches at entry nodes, and go on to deeper ones unless they exit early."""
