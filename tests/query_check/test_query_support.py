"""The page of query shapes is what was measured, and the emulator goes wrong in none of them."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
FEW = (
    "filter, key selected",
    "left join",
    "sums of nullables",
    "an aggregate CTE joined to its parent",
    "a range",
    "groups of a partitioned table",
    "group of a view",
)


def _module() -> Any:
    spec = importlib.util.spec_from_file_location("query_shapes", ROOT / "benchmarks" / "query_shapes.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["query_shapes"] = module
    spec.loader.exec_module(module)
    return module


query_shapes = _module()
SHAPES = list(query_shapes.shapes())


def test_page_is_what_was_found() -> None:
    assert (ROOT / "docs" / "query-support.md").read_text() == query_shapes.page()


def test_every_shape_was_tried_on_both_engines() -> None:
    names = [shape.name for shape in SHAPES]
    assert len(names) == len(set(names)) >= 112
    found = query_shapes.known()
    assert {name.split()[0] for name in found} == {"pg_stream", "pg_trickle"}
    for verdicts in found.values():
        assert list(verdicts) == names


@pytest.mark.emulator_only("it keeps right what it takes")
@pytest.mark.parametrize(
    "shape",
    [pytest.param(s, marks=() if s.name in FEW else pytest.mark.full, id=s.name) for s in SHAPES],
)
def test_emulator_is_not_wrong(pgstream_dsn: str, shape: Any) -> None:
    query_shapes.prepare(pgstream_dsn)
    run = query_shapes._runner(pgstream_dsn)
    installation = run(query_shapes.detect(query_shapes._target(pgstream_dsn).place))
    tried = query_shapes.verdict_of(run, installation, shape.query, "DIFFERENTIAL", seeds=1, changes=4)
    assert tried in ("right", "refused", "fails")
    if tried != "right":  # then it takes after the engine that it passes for
        engine = installation.engine
        found = query_shapes.known()[f"{engine.extension} {engine.found.version.removesuffix('-emulator')}"]
        assert found[shape.name]["DIFFERENTIAL"] != "right"
