"""Who stands in the way of a lock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from airflow_provider_pgstream._engines import statements, words
from airflow_provider_pgstream._engines.programs import Program, Run
from airflow_provider_pgstream.exceptions import SourceLocked
from airflow_provider_pgstream.models import Source

_AUTOVACUUM = "autovacuum worker"


@dataclass(frozen=True)
class Holders:
    """The sessions that hold a lock which keeps us from ours."""

    rows: Sequence[Mapping[str, Any]]

    @classmethod
    def of(cls, source: Source, storage_oid: int | None) -> Program[Self]:
        """Find who holds a source, or the stream table itself, whose oid ``storage_oid`` is."""
        own = source.oid == storage_oid
        modes = statements.AGAINST_ACCESS_EXCLUSIVE if own else statements.AGAINST_SHARE
        reply = yield Run(statements.LOCK_HOLDERS, {"oids": [source.oid], "modes": modes})
        return cls(reply.rows)

    @classmethod
    def of_exclusive(cls, source: Source) -> Program[Self]:
        """Find who keeps even readers away from a table."""
        values = {"oids": [source.oid], "modes": statements.AGAINST_ACCESS_SHARE}
        return cls((yield Run(statements.LOCK_HOLDERS, values)).rows)

    @property
    def only_autovacuum(self) -> bool:
        """Whether nobody but an autovacuum is in the way."""
        return bool(self.rows) and all(row["backend_type"] == _AUTOVACUUM for row in self.rows)

    def __str__(self) -> str:
        return "; ".join(
            f"pid {row['pid']} ({row['usename']}, {row['application_name'] or 'no application name'}, "
            f"{row['state']}, transaction open for {row['seconds']} s): {row['query']}"
            for row in self.rows
        )


def locked_out(what: str, source: Source, holders: Holders, *, done: str = "refreshed") -> SourceLocked:
    """
    Return the error for a lock that did not come in time.

    :param what: what was not refreshed, with its verb.
    :param done: what was to be done with it instead.
    """
    reads = " by readers or writers of it:" if source.kind == words.SOURCE_STREAM_TABLE else " by"
    held = f"it is held{reads} {holders}. " if holders.rows else "whoever held it has just released it. "
    return SourceLocked(
        f"{what} not {done}: the lock on {source.name} did not come in time; "
        f"{held}End that transaction, or raise lock_timeout"
    )
