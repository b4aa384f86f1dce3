"""A counterexample as SQL that can be pasted into psql, and shows the rows that differ."""

from __future__ import annotations

from airflow_provider_pgstream._engines import scratch as sql
from airflow_provider_pgstream._engines import words
from airflow_provider_pgstream._query_check.play import REFUSED, WRONG, Outcome
from airflow_provider_pgstream._query_check.scratch import Scratch

SCHEMA = "counterexample"


def script(scratch: Scratch, outcome: Outcome) -> str:
    """Return what was done as SQL, in a schema of its own that is dropped first."""
    engine = scratch.installation.engine
    streams = [
        (scratch.copy_of(one), scratch.moved(one.query), _mode(one.stream_table)) for one in scratch.streams
    ]
    streams.append((scratch.subject, scratch.moved(scratch.query), scratch.refresh_mode))
    lines = [*sql.fresh(scratch.schemas.values()), *scratch.definitions(), *outcome.history.before]
    for name, query, mode in streams:
        lines += sql.create_by_hand(engine, name, query, mode)
    if outcome.kind != REFUSED:
        lines += [sql.refresh_by_hand(engine, name) for name, _, mode in streams if mode != words.IMMEDIATE]
        lines += [sql.never_in_full_by_hand(engine, name) for name, _, _ in streams]
    for transaction in outcome.history.transactions:
        lines += ["begin", *transaction, "commit"] if len(transaction) > 1 else transaction
        lines += [sql.refresh_by_hand(engine, name) for name, _, mode in streams if mode != words.IMMEDIATE]
    if outcome.kind == WRONG:
        columns = ", ".join(scratch.compared)
        lines.append(sql.show_difference(scratch.subject, columns, scratch.moved(scratch.query)))
    made = [] if outcome.kind == REFUSED else [name for name, _, _ in reversed(streams)]
    lines += sql.drop_by_hand(engine, made, scratch.schemas.values())
    text = ";\n".join(line.strip() for line in lines if line) + ";\n"
    for number, copied in reversed(list(enumerate(scratch.schemas.values()))):
        text = text.replace(copied, SCHEMA if number == 0 else f"{SCHEMA}_{number}")
    return text


def _mode(stream_table: object) -> str:
    return str(getattr(stream_table, "refresh_mode", words.DIFFERENTIAL))
