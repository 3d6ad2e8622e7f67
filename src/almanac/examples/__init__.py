"""What the worked examples in ``data/notebooks/bottlenecks`` need beside Spark; it is on every cluster."""
