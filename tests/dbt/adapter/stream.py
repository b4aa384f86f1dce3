"""The suite's models as stream tables."""

from __future__ import annotations

import re

STREAM = "materialized='stream_table', schedule=none, refresh_mode='FULL'"
CONFIG = "{{ config(" + STREAM + ") }}\n"
UNSAID = "unsaid"
"""The kind of a model that does not say which: dbt makes a view of it."""


def as_stream_table(name: str, text: str, kinds: tuple[str, ...]) -> str:
    """
    Return a file of models in which those of some kinds are stream tables.

    One that reads nothing reads a table of one row then.
    """
    kind = rf"""["']?({"|".join(kinds)})["']?"""
    if name.endswith(".yml"):
        return re.sub(rf"materialized: {kind}\s*$", "materialized: stream_table", text, flags=re.MULTILINE)
    if not name.endswith(".sql"):
        return text
    changed = re.sub(rf"materialized\s*=\s*{kind}", STREAM, text)
    if UNSAID in kinds and "materialized" not in text:
        changed = CONFIG + text
    return with_a_source(changed) if "stream_table" in changed else changed


def with_a_source(model: str) -> str:
    """Return a model of one row of constants as one that reads a table of one row."""
    said = re.sub(r"\{#.*?#\}|\{\{.*?\}\}|--[^\n]*", "", model, flags=re.DOTALL)
    if re.search(r"\bfrom\b", said, re.IGNORECASE):
        return model
    return model.rstrip() + "\nfrom public.one_row\n"
