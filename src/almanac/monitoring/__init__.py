"""Live metrics: what is collected, who may ask for what of it, how it is shown, and the Prometheus that keeps it."""
