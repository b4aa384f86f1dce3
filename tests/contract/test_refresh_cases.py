"""Every way to refresh keeps the rows right in every case, or says what to do."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.refresh_cases import CASES, Case
from tests.contract.scene import Scene
from tests.contract.ways import WAYS

# Short runs have each protocol once, and of the other ways what only they can do wrong. The operator on a
# worker calls the hook: that shows in the operator's own tests.
LONG = frozenset({"operator", "pgstream_refresh_all", "materialization"})
DECISIVE = frozenset(
    {
        ("several_tables_in_one_call", "pgstream_refresh_all"),
        ("overlapping_refreshes", "materialization"),
        ("paused_meanwhile", "materialization"),
        ("source_swapped_by_rename", "materialization"),
    }
)


def marks(case: Case, way: str) -> Any:
    return pytest.mark.full if way in LONG and (case.name, way) not in DECISIVE else ()


@pytest.mark.parametrize(
    ("case", "way"),
    [
        pytest.param(case, way, id=f"{case.name}-{way}", marks=marks(case, way))
        for case in CASES
        for way in WAYS
        if way in case.ways
    ],
)
def test_rows_are_right_or_the_refresh_is_refused(
    engine: Any, pgstream_conn_id: str, case: Case, way: str
) -> None:
    case.happens(Scene(engine, pgstream_conn_id, WAYS[way], way))
