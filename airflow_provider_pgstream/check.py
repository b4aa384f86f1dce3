"""``python -m airflow_provider_pgstream.check``: try a query, or those of a dbt project, on their engine."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import psycopg

from airflow_provider_pgstream._engines.connections import Target, target
from airflow_provider_pgstream._engines.detect import Installation, detect
from airflow_provider_pgstream._engines.errors import connection_failed
from airflow_provider_pgstream._engines.programs import Program
from airflow_provider_pgstream._query_check.check import CheckOptions, check
from airflow_provider_pgstream._query_check.kept import check_and_keep
from airflow_provider_pgstream.exceptions import PgStreamError
from airflow_provider_pgstream.hooks._session import Connection, Session
from airflow_provider_pgstream.models import QueryVerdict

__all__ = [
    "main",
]

DESCRIPTION = """\
Tries queries on the engine of a database, before stream tables are made of them: on small copies of their
tables, in a schema that is dropped again, by random changes. Exit code 1: a query goes wrong, fails or is
refused; 2: nothing could be tried.
"""

BAD = ("wrong", "fails", "refused")


@dataclass(frozen=True)
class Model:
    """
    A query to try.

    :param name: what it is called in what is printed.
    :param refresh_mode: the mode in which it is to be kept.
    """

    name: str
    query: str
    refresh_mode: str


class Unusable(Exception):
    """Something that was given cannot be used; the text says what to give."""


def main(arguments: list[str] | None = None) -> int:
    """Try what the arguments say; return the exit code."""
    options = _parser().parse_args(arguments)
    try:
        models = _models(options)
        found = list(_tried(models, options))
    except (Unusable, PgStreamError) as error:
        print(f"check: {error}", file=sys.stderr)
        return 2
    _print(found, options)
    return 1 if any(isinstance(one, PgStreamError) or one.verdict in BAD for _, one in found) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m airflow_provider_pgstream.check",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--dsn", required=True, help="postgresql://user@host:port/database")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--query", metavar="FILE", help="a file with one SELECT; - for standard input")
    what.add_argument(
        "--dbt-project",
        type=Path,
        metavar="DIR",
        help="a dbt project after dbt compile: all its stream-table models",
    )
    parser.add_argument("--refresh-mode", help="the mode (default: DIFFERENTIAL, or the model's own)")
    parser.add_argument("--changes", type=int, default=CheckOptions.changes, help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=CheckOptions.seed, help="default: %(default)s")
    parser.add_argument("--no-sample", action="store_true", help="look at no values of the tables' rows")
    parser.add_argument("--no-keep", action="store_true", help="keep no verdict in the database")
    return parser


def _models(options: argparse.Namespace) -> list[Model]:
    if options.query is not None:
        text = sys.stdin.read() if options.query == "-" else _read(Path(options.query))
        return [Model(options.query, text, options.refresh_mode or "DIFFERENTIAL")]
    return list(_of_project(options.dbt_project, options.refresh_mode))


def _of_project(project: Path, refresh_mode: str | None) -> Iterator[Model]:
    """Yield the stream-table models of a compiled project, by its manifest."""
    path = project / "target" / "manifest.json"
    try:
        nodes = json.loads(_read(path))["nodes"].values()
    except (ValueError, KeyError, AttributeError):
        raise Unusable(f"{path} is no manifest of dbt: run dbt compile in {project}") from None
    models = [node for node in nodes if node["config"].get("materialized") == "stream_table"]
    if not models:
        raise Unusable(f"no model of {project} is a stream table: set materialized: stream_table")
    for node in sorted(models, key=lambda node: str(node["unique_id"])):
        query = node.get("compiled_code") or node.get("compiled_sql")
        if not query:
            raise Unusable(f"model {node['name']} is not compiled: run dbt compile in {project}")
        mode = str(refresh_mode or node["config"].get("refresh_mode") or "DIFFERENTIAL").upper()
        yield Model(f"{node['schema']}.{node['alias']}", query, mode)


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError as error:
        raise Unusable(f"{path} cannot be read: {error.strerror}") from None


def _tried(
    models: Sequence[Model], options: argparse.Namespace
) -> Iterator[tuple[Model, QueryVerdict | PgStreamError]]:
    run = _runner(options.dsn)
    place = _target(options.dsn).place
    installation: Installation = run(detect(place, lambda line: print(line, file=sys.stderr)))
    chosen = CheckOptions(changes=options.changes, seed=options.seed, sample=not options.no_sample)
    work = check if options.no_keep else check_and_keep
    for number, model in enumerate(models):
        _show_progress(number, len(models), model.name)
        try:
            yield model, run(work(model.query, model.refresh_mode, chosen, installation))
        except PgStreamError as error:
            yield model, error
    _show_progress(len(models), len(models), "")


def _target(dsn: str) -> Target:
    try:
        given = psycopg.conninfo.conninfo_to_dict(dsn)
    except psycopg.Error as error:
        raise Unusable(f"--dsn is no connection string: {str(error).strip()}") from None
    fields = {ours: given.pop(theirs, None) for ours, theirs in _FIELDS.items()}
    return target("--dsn", **fields, extra=given)  # type: ignore[arg-type]  # as libpq gives them


_FIELDS = {"host": "host", "port": "port", "login": "user", "password": "password", "database": "dbname"}


def _runner(dsn: str) -> Callable[[Program[Any]], Any]:
    goal = _target(dsn)
    log = logging.getLogger(f"{__name__}.silent")
    log.disabled = True

    def connect() -> Connection:
        try:
            return psycopg.Connection.connect(**goal.arguments)
        except psycopg.Error as error:
            raise connection_failed(error, goal.place, goal.password) from None

    return lambda program: Session(connect, log).drive(program)


def _show_progress(done: int, of: int, name: str, out: TextIO = sys.stderr) -> None:
    if of < 2 or not out.isatty():
        return
    bar = "#" * (done * 30 // of)
    print(f"\r[{bar:<30}] {done} of {of} {name:<50.50}", end="\n" if done == of else "", file=out, flush=True)


def _print(found: Sequence[tuple[Model, QueryVerdict | PgStreamError]], options: argparse.Namespace) -> None:
    if options.query is not None:
        ((_, one),) = found
        print(one if isinstance(one, PgStreamError) else one.sentence)
        if isinstance(one, QueryVerdict) and one.counterexample:
            print(f"\n{one.counterexample}")
        return
    width = max(len(model.name) for model, _ in found)
    for model, one in found:
        word = "error" if isinstance(one, PgStreamError) else one.verdict
        sentence = str(one) if isinstance(one, PgStreamError) else one.sentence
        line = f"{model.name:<{width}}  {model.refresh_mode:<12}  {word:<7}"
        print(line.rstrip() if word == "right" else f"{line}  {sentence}")


if __name__ == "__main__":
    sys.exit(main())
