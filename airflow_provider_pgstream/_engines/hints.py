"""What to do about an engine's errors: written once, in its dbt macro file, and read here."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

from airflow_provider_pgstream._engines.engine import Engine

_MACROS = Path(__file__).resolve().parent.parent / "dbt_package" / "macros" / "engines"
_JSON = re.compile(r"{%\s*raw\s*%}\s*(\[.*\])\s*{%\s*endraw\s*%}", re.DOTALL)


def hint(engine: Engine, text: str) -> str:
    """
    Return what to do about an error, as the end of a sentence about it; nothing if nobody knows.

    :param text: the error's text, as the engine gives it.
    """
    hints = _hints(engine)
    found = next((advice for pattern, advice in hints if re.search(pattern, text, re.IGNORECASE)), "")
    return f". {found[0].upper()}{found[1:]}" if found else ""


@cache
def _hints(engine: Engine) -> tuple[tuple[str, str], ...]:
    file = _MACROS / f"{engine.extension}.sql"
    written = _JSON.search(file.read_text())
    if written is None:
        raise ValueError(f"{file.name} of the dbt package holds no hints between raw and endraw")
    entries = json.loads(written[1])
    return tuple((entry["pattern"], entry.get("airflow") or entry["hint"]) for entry in entries)
