"""What an engine is, and how it is spoken to."""
