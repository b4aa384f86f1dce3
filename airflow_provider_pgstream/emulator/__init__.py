"""pg_stream's SQL interface on plain PostgreSQL 18, for trying and for tests."""
