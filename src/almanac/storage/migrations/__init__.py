"""The schema's history; ``Database.migrate`` brings a database up to date.

A new step is a module in ``versions`` with the next number, whose ``down_revision`` is the one before it; steps that were
released never change, and there is no way down. ``tests/integration/storage/test_migrations.py`` says what a step still
lacks: it compares the migrated schema with ``tables`` on both databases.
"""
