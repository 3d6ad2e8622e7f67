"""What ``almanac up`` runs: the HTTP API and the loop in one process (``python -m almanac.server``)."""
