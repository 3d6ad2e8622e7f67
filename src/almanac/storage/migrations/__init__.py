"""The schema's history; ``Database.migrate`` brings a database up to date."""
