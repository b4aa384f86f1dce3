"""What the emulator raises: one class, whose text is a sentence for whoever started it."""

from __future__ import annotations


class EmulatorError(RuntimeError):
    """The emulator cannot do what it was asked; the text says why, and what to do."""
