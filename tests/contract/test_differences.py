"""The page about the emulator names every difference that the cases mark, and no other."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "emulator.md"


def test_page_names_the_differences_that_are_marked() -> None:
    marked = {
        name
        for file in HERE.glob("test_*.py")
        for name in re.findall(r'^@pytest\.mark\.emulator_only\("([^"]+)"\)', file.read_text(), re.M)
    }
    table = PAGE.read_text().partition("| name |")[2].partition("\n\n")[0]
    named = {row.split("|")[1].strip() for row in table.splitlines()[2:]}
    assert named == marked
