"""The async side of the provider: deferred sensors and refreshes, and the source of asset events."""
