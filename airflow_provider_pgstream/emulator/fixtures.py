"""pytest fixtures ``pgstream_server`` and ``pgstream_dsn``."""
