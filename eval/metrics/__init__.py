"""Deterministic graders as `evaluate.Metric` modules; each also loads by path with `evaluate.load`."""
