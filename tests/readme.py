"""What the README tells a newcomer to type: its shell commands in their order, and its first DAG."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
COMMENT = re.compile(r"\s{2,}#\s.*$")


TOTALS = "select customer_id, total from public.order_totals order by 1"


def languages() -> set[str]:
    """Return the languages of the README's blocks."""
    return {language for language, _ in FENCE.findall(README)}


def commands() -> list[str]:
    """Return the commands of all shell blocks, a continued one as one, without comments."""
    blocks = "".join(block for language, block in FENCE.findall(README) if language == "sh")
    return [COMMENT.sub("", line) for line in blocks.replace("\\\n", " ").splitlines() if line.strip()]


def first_dag() -> tuple[str, str]:
    """Return where the README puts its first DAG, relative to the clone, and the program."""
    (found,) = re.findall(r"A first DAG, in `(\S+)`:\n\n```python\n(.*?)```", README, re.DOTALL)
    path, program = found
    return path, program
