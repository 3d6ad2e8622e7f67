"""Why a Spark job took as long as it did, from its event log: pure functions over what was measured."""
