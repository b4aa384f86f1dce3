"""What the demo prints: lines with the time since it began, and tables."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

STARTED = time.monotonic()


def say(line: str = "") -> None:
    """Print a line as it is."""
    print(line, flush=True)


def tell(line: str) -> None:
    """Print a line with the time since the demo began."""
    minutes, seconds = divmod(int(time.monotonic() - STARTED), 60)
    print(f"{minutes:>2}:{seconds:02}  {line}", flush=True)


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print rows under their columns' names, numbers to the right."""
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [max(len(cell) for cell in column) for column in zip(columns, *cells, strict=True)]
    numeric = [all(isinstance(value, int | float) for value in column) for column in zip(*rows, strict=True)]
    say(f"\n{title}")
    for line in [list(columns), *cells]:
        aligned = [
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(line, widths, numeric, strict=True)
        ]
        say(("  " + "  ".join(aligned)).rstrip())


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.1f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
