"""
The SQL of a swap: a stream table takes the place of another, and what hangs on the old one stays.

Each step is a PL/pgSQL block, and so one statement: a session that dies leaves the old table as it was.
"""

from __future__ import annotations

from dataclasses import dataclass

from psycopg import sql

from airflow_provider_pgstream._engines import swap_blocks, swap_parts
from airflow_provider_pgstream._engines.engine import CREATION_LOCK, Engine
from airflow_provider_pgstream._engines.words import MAX_NAME_BYTES

REFUSED = "PGSNO"
"""The SQLSTATE of a refusal, whose message is a sentence."""

LOCK_TIMEOUT_MS = 100
"""For how long each lock of the exchange is waited for: readers queue behind it for as long."""

LOCK_SWAP = """
select pg_catalog.pg_try_advisory_lock(1885827957, pg_catalog.hashtext(%(name)s)) as locked
"""
"""Keeps other swaps of a stream table away for as long as the session lasts."""

LEFT_OUT = "select pg_catalog.current_setting('swap.left_out', true) as indexes"
"""The indexes that the new one was not given, because a column of theirs is gone."""


def may_swap(engine: Engine) -> str:
    """Tell whether this role may write to the engine's catalog, which a swap does."""
    return (
        f"select pg_catalog.has_table_privilege('{engine.catalog}', 'update')"
        f" and pg_catalog.has_table_privilege('{engine.dependencies}', 'update') as may"
    )


@dataclass(frozen=True)
class Swap:
    """
    The blocks of one swap, in their order.

    :param engine: the engine.
    :param name: the stream table, ``schema.table``.
    :param way_out: what to do about a refusal, in words that follow a colon.
    :param keeps_pause: whether the new one is paused where the old one is.
    """

    engine: Engine
    name: str
    way_out: str
    keeps_pause: bool = True

    @property
    def next(self) -> str:
        """Where the new one is populated."""
        return self._beside("__next")

    @property
    def old(self) -> str:
        """Where the old one is while it is being dropped."""
        return self._beside("__old")

    @property
    def tap(self) -> str:
        """A reader of the new one, for which an engine makes the change buffer that all its readers need."""
        return self._beside("__tap")

    def rehearse(self) -> sql.Composed:
        """Refuse what would be lost, and what would not fit the new one; nothing is touched."""
        return self._do(swap_blocks.REHEARSE)

    def dress(self) -> sql.Composed:
        """Give the new one the indexes, grants, comments and options of the old one."""
        return self._do(swap_blocks.DRESS)

    def exchange(self) -> sql.Composed:
        """Let the new one take the name, the views and the readers of the old one, and drop that."""
        return self._do(swap_blocks.EXCHANGE)

    def _beside(self, suffix: str) -> str:
        schema, table = self.name.split(".", 1)
        kept = table.encode()[: MAX_NAME_BYTES - len(suffix)].decode(errors="ignore")
        return f"{schema}.{kept}{suffix}"

    def _do(self, block: str) -> sql.Composed:
        return sql.SQL("do {}").format(sql.Literal(swap_parts.filled(block, self._values())))

    def _values(self) -> dict[str, str]:
        engine = self.engine
        schema, table = self.name.split(".", 1)
        names = {key: name.split(".", 1)[1] for key, name in self._places().items()}
        literals = {"schema": schema, "table": table, **names, "way_out": self.way_out}
        return {
            **{key: _literal(value) for key, value in literals.items()},
            "api": engine.schema,
            "catalog": engine.catalog,
            "dependencies": engine.dependencies,
            "id": engine.id,
            "prefix": engine.prefix,
            "internal": _literal(engine.internal_prefix),
            "own_triggers": _literal(f"^_?({engine.extension}|{engine.prefix})_"),
            "creation_lock": "{}, {}".format(*CREATION_LOCK),
            "lock_timeout": _literal(f"{LOCK_TIMEOUT_MS}ms"),
            "keeps_pause": str(self.keeps_pause).lower(),
            "alter_to_same": self._alter_to_same(),
            # Where a mark makes the scheduler refresh it, only what the scheduler refreshes is marked.
            "is_marked": "true" if engine.reinit_in_full else f"({engine.unscheduled}) is null",
        }

    def _alter_to_same(self) -> str:
        engine = self.engine
        if engine.alter_to_same is None:
            return ""
        return (
            f"perform {engine.schema}.alter_stream_table({_literal(self.name)}, {engine.alter_to_same})"
            f" from {engine.catalog} as st where st.{engine.id} = v_new_id;"
        )

    def _places(self) -> dict[str, str]:
        return {"next": self.next, "old": self.old, "tap": self.tap}


def _literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
