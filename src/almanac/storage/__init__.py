"""The database: tables, rows and repositories. Keeps what it is told; decides nothing."""
