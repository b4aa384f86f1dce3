"""Which shapes of queries an engine keeps right: each is tried as ``PgStreamHook.check_query`` tries it. ::

    python benchmarks/query_shapes.py DSN [--seeds 3] [--changes 40] [--only NAME]

The tables and the shapes stand in ``query_shapes/``. What is found is kept there in a file for each engine
and version, and docs/query-support.md is written anew from all of these files.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from airflow_provider_pgstream._engines.detect import detect
from airflow_provider_pgstream._query_check.check import CheckOptions, check
from airflow_provider_pgstream.check import _runner, _target
from airflow_provider_pgstream.exceptions import PgStreamError

HERE = Path(__file__).parent / "query_shapes"
PAGE = Path(__file__).parents[1] / "docs" / "query-support.md"
BY_CHANGES = "DIFFERENTIAL"
FULL_CHANGES = 8
"""What is recomputed at each refresh needs few."""

WORST = ("wrong", "fails", "refused", "error", "unknown", "right")


@dataclass(frozen=True)
class Shape:
    """A kind of query."""

    group: str
    name: str
    query: str


def shapes() -> Iterator[Shape]:
    """Yield the shapes, in the order of their file."""
    group = ""
    for line in (HERE / "shapes.txt").read_text().splitlines():
        if line.endswith(":"):
            group = line.removesuffix(":")
        elif " | " in line:
            name, query = line.split(" | ", 1)
            yield Shape(group, name, query)


def prepare(dsn: str) -> None:
    """Make the tables."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("drop schema if exists shapes cascade")
        connection.execute((HERE / "shapes.sql").read_bytes())


def verdict_of(run: Any, installation: Any, query: str, mode: str, seeds: int, changes: int) -> str:
    """Return the worst of what several seeds find."""
    found = set()
    for seed in range(1, seeds + 1):
        options = CheckOptions(seed=seed, changes=changes, shrink_seconds=0.0)
        try:
            found.add(run(check(query, mode, options, installation)).verdict)
        except PgStreamError:
            found.add("error")
        if found & {"wrong", "fails", "refused"}:
            break
    return next(word for word in WORST if word in found)


def measure(
    dsn: str, seeds: int, changes: int, only: str | None = None
) -> tuple[str, dict[str, dict[str, str]]]:
    """Try all shapes in each mode; return the engine's name and version, and the verdicts."""
    prepare(dsn)
    run = _runner(dsn)
    installation = run(detect(_target(dsn).place))
    engine = installation.engine
    found: dict[str, dict[str, str]] = {}
    for shape in shapes():
        if only is None or only == shape.name:
            found[shape.name] = {
                BY_CHANGES: verdict_of(run, installation, shape.query, BY_CHANGES, seeds, changes),
                "FULL": verdict_of(run, installation, shape.query, "FULL", 1, FULL_CHANGES),
            }
            print(f"{shape.name}: {found[shape.name]}", file=sys.stderr, flush=True)
    return f"{engine.extension} {engine.found.version}", found


def known() -> dict[str, Mapping[str, Mapping[str, str]]]:
    """Return what was found on each engine and version, by its name."""
    files = sorted(HERE.glob("*.json"))
    return {path.stem: json.loads(path.read_text()) for path in files}


def page() -> str:
    """Return docs/query-support.md."""
    found = known()
    lines = [PREFACE.rstrip(), ""]
    lines += _summary(found)
    group = ""
    for shape in shapes():
        if shape.group != group:
            group = shape.group
            names = " | ".join(f"{name}" for name in found)
            lines += ["", f"## {group}", "", f"| | {names} |", f"|---|{'---|' * len(found)}"]
        cells = [_cell(verdicts.get(shape.name, {})) for verdicts in found.values()]
        query = shape.query.replace("|", "\\|").replace("shapes.", "")
        lines.append(f"| **{shape.name}** `{query}` | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _summary(found: Mapping[str, Mapping[str, Mapping[str, str]]]) -> list[str]:
    heads = ["In DIFFERENTIAL mode", "right", "wrong", "fails", "refused", "not to be tried"]
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    for name, verdicts in found.items():
        words = [by_mode[BY_CHANGES] for by_mode in verdicts.values()]
        counts = [words.count(word) for word in ("right", "wrong", "fails", "refused")]
        rest = len(words) - sum(counts)
        lines.append(f"| {name} | {' | '.join(map(str, [*counts, rest]))} |")
    return lines


def _cell(by_mode: Mapping[str, str]) -> str:
    word = by_mode.get(BY_CHANGES, "")
    marked = f"**{word}**" if word in ("wrong", "fails") else word
    full = by_mode.get("FULL", "right")
    return marked if full == "right" else f"{marked}; FULL: {full}"


PREFACE = """\
# Which queries an engine keeps right

Each shape was tried as [the check](check.md) tries a query: on small tables, by random changes of few rows,
compared with its query after each refresh. `wrong`: the stream table held other rows than its query returns,
and nothing said so. `fails`: a refresh raised an error. `refused`: the stream table could not be created. In
FULL mode all that is created is right, unless the cell says otherwise. Written by
`benchmarks/query_shapes.py`: do not edit it.

A shape is not your query: what your columns may hold decides, too. Try yours.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("dsn")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--changes", type=int, default=CheckOptions.changes)
    parser.add_argument("--only", help="one shape, by its name; it is printed, and nothing is written")
    options = parser.parse_args()
    name, found = measure(options.dsn, options.seeds, options.changes, options.only)
    if options.only is None:
        (HERE / f"{name}.json").write_text(json.dumps(found, indent=1) + "\n")
        PAGE.write_text(page())


if __name__ == "__main__":
    main()
