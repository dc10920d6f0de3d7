"""Schedulers: each takes a problem of plain arrays and returns a solution; none knows of Gymnasium."""
