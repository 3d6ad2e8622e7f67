"""The front door: one proxy before Almanac and everybody's notebooks, Spark UIs and Spark Connect servers."""
