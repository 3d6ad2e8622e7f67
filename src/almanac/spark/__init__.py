"""What runs on a node: Spark, notebooks and exporters, as service definitions that every site renders."""
