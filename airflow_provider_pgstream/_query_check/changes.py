"""Random transactions on tables: what can happen to their rows, every column of them, and what is rare."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import combinations, cycle

from airflow_provider_pgstream._engines import scratch
from airflow_provider_pgstream._query_check.shapes import Column, Table
from airflow_provider_pgstream._query_check.values import NULL, Pools

Rows = Mapping[int, Sequence[Sequence[str]]]
"""The rows of tables, by the table's oid: what SQL writes for the values of columns that can be written."""

FIRST_ROWS = 12
"""How many rows each table is offered at first; some are refused by what is unique."""

USED = 0.85
"""How often it is a column that the query names that is changed."""

KEY_CHANGES = 0.08
"""
How often a key is changed, and nothing else with it: an engine may take what happened to a row by its key,
and go wrong, whatever the query is, where both changed between two refreshes.
"""

MATCHED = 0.45
"""How often two rows that meet in a join are changed together; where nothing is joined, seldom."""

AT_LEAST = 3
"""How many rows a table has to have: else it is given some."""


class Changes:
    """
    Draws transactions, a list of statements each.

    :param tables: the tables.
    :param names: what they are called, by their oid.
    :param pools: what their columns take.
    :param used: the names of the columns that the query has to do with; None for all.
    :param joined: the names of columns that it joins by.
    """

    def __init__(
        self,
        tables: Sequence[Table],
        names: Mapping[int, str],
        pools: Pools,
        rng: random.Random,
        used: Collection[str] | None = None,
        joined: Collection[frozenset[str]] = (),
    ) -> None:
        self._tables = tables
        self._names = names
        self._pools = pools
        self._rng = rng
        self._used = used
        self._joined = joined
        self._matched = MATCHED if joined else MATCHED / 4
        every = [(table, column) for table in tables for column in table.written if not column.is_key]
        rng.shuffle(every)
        self._columns = cycle(every)
        self._used_columns = cycle([pair for pair in every if self._is_used(pair[1])] or every)
        self._events: Mapping[int, str] = {}
        self._kinds: Sequence[tuple[Callable[[Rows], str | None], int]] = (
            (self._insert, 24),
            (self._update_next_column, 26),
            (self._update_row, 10),
            (self._update_alike, 6),
            (self._repeat_row, 5),
            (self._delete_row, 14),
            (self._delete_alike, 4),
            (self._rewrite, 2),
        )

    def first_rows(self) -> list[str]:
        """Return statements that fill the tables, those first that others refer to."""
        statements = []
        for table in referred_first(self._tables):
            statements += [self._insert_into(table, 1) for _ in range(FIRST_ROWS)]
        return statements

    def plan(self, transactions: int) -> None:
        """Spread what concerns a whole table over the second half: all NULL, all gone, emptied."""
        events = self._sweeping()[: max(1, transactions // 4)]
        half = transactions // 2
        self._events = {half + place * half // len(events): event for place, event in enumerate(events)}

    def transaction(self, number: int, rows: Rows) -> list[str]:
        """Return the transaction of a number, drawn for the rows that there are; seldom, none at all."""
        if number in self._events:
            return [self._events[number]]
        poor = [table for table in self._tables if len(rows[table.oid]) < AT_LEAST]
        if poor:
            return [self._insert_into(table, 1) for table in poor for _ in range(AT_LEAST)]
        if self._rng.random() < KEY_CHANGES and (change := self._change_key(rows)):
            return [change]
        if self._rng.random() < self._matched and (drawn := self._change_matched(rows)):
            return drawn
        size = self._rng.choices((0, 1, 2, 3), (1, 16, 14, 9))[0]
        kinds, weights = zip(*self._kinds, strict=True)
        drawn = [kind(rows) for kind in self._rng.choices(kinds, weights, k=size)]
        return [statement for statement in drawn if statement is not None]

    def _change_matched(self, rows: Rows) -> list[str]:
        """Change two rows that meet in a join; else, two that have a value in common."""
        by_value: dict[tuple[str, str], list[tuple[Table, Column, Sequence[str]]]] = {}
        for table in self._tables:
            for row in rows[table.oid]:
                for column, value in zip(table.written, row, strict=True):
                    if value != NULL and self._is_used(column):
                        by_value.setdefault((column.base, value), []).append((table, column, row))
        pairs = [pair for places in by_value.values() for pair in combinations(places, 2)]
        pairs = [(one, other) for one, other in pairs if one[2] is not other[2]]
        joined = [(one, other) for one, other in pairs if {one[1].name, other[1].name} in self._joined]
        if not pairs:
            return []
        drawn = [self._change_one(table, row) for table, _, row in self._rng.choice(joined or pairs)]
        self._rng.shuffle(drawn)
        return [statement for statement in drawn if statement is not None]

    def _change_one(self, table: Table, row: Sequence[str]) -> str | None:
        where = self._where(table, row)
        free = [column for column in table.written if not column.is_key and self._is_used(column)]
        if not free or self._rng.random() < 0.6:
            return scratch.delete(self._names[table.oid], where)
        return self._update(table, [self._rng.choice(free)], where)

    def _sweeping(self) -> list[str]:
        """Return statements that concern all rows of a table, those last that make an engine begin anew."""
        nullable = [
            scratch.update(self._names[table.oid], [(column.sql, NULL)], "true")
            for table in self._tables
            for column in table.written
            if not column.is_required and self._is_used(column)
        ]
        self._rng.shuffle(nullable)
        names = [self._names[table.oid] for table in self._tables]
        gone = [scratch.delete(name, "true") for name in names]
        return [*nullable[:3], *gone, *(scratch.empty([name]) for name in names)]

    def _insert(self, _rows: Rows) -> str:
        return self._insert_into(self._rng.choice(self._tables), self._rng.choice((1, 1, 1, 2, 3)))

    def _insert_into(self, table: Table, count: int) -> str:
        columns = table.written
        values = [[self._pick(table, column) for column in columns] for _ in range(count)]
        return scratch.insert(self._names[table.oid], [column.sql for column in columns], values)

    def _update_next_column(self, rows: Rows) -> str | None:
        """Change one column of one row; each column has its turn."""
        pair = next(self._used_columns if self._rng.random() < USED else self._columns, None)
        if pair is None:
            return None
        table, column = pair
        return self._update(table, [column], self._where_row(table, rows))

    def _update_row(self, rows: Rows) -> str | None:
        table = self._rng.choice(self._tables)
        columns = [column for column in table.written if self._is_used(column) or self._rng.random() < 0.2]
        chosen = [column for column in columns if self._rng.random() < 0.6 and not column.is_key]
        return self._update(table, chosen, self._where_row(table, rows))

    def _update_alike(self, rows: Rows) -> str | None:
        table = self._rng.choice(self._tables)
        free = [column for column in table.written if not column.is_key and self._is_used(column)]
        columns = [self._rng.choice(free)] if free else []
        return self._update(table, columns, self._where_alike(table, rows))

    def _change_key(self, rows: Rows) -> str | None:
        table = self._rng.choice(self._tables)
        keys = [column for column in table.written if column.is_key]
        return self._update(table, keys, self._where_row(table, rows))

    def _rewrite(self, rows: Rows) -> str | None:
        """Update rows to what they are."""
        table = self._rng.choice(self._tables)
        where = self._where_alike(table, rows)
        if where is None or not table.written:
            return None
        name = self._rng.choice(table.written).sql
        return scratch.update(self._names[table.oid], [(name, name)], where)

    def _repeat_row(self, rows: Rows) -> str | None:
        """Insert what is there already, under another key if there is one."""
        table = self._rng.choice(self._tables)
        row = self._row(table, rows)
        if row is None:
            return None
        values = [
            self._pick(table, column) if column.is_key else value
            for column, value in zip(table.written, row, strict=True)
        ]
        return scratch.insert(self._names[table.oid], [column.sql for column in table.written], [values])

    def _delete_row(self, rows: Rows) -> str | None:
        table = self._rng.choice(self._tables)
        where = self._where_row(table, rows)
        return where and scratch.delete(self._names[table.oid], where)

    def _delete_alike(self, rows: Rows) -> str | None:
        table = self._rng.choice(self._tables)
        where = self._where_alike(table, rows)
        return where and scratch.delete(self._names[table.oid], where)

    def _is_used(self, column: Column) -> bool:
        return self._used is None or column.name in self._used

    def _update(self, table: Table, columns: Sequence[Column], where: str | None) -> str | None:
        if where is None or not columns:
            return None
        values = [(column.sql, self._pick(table, column)) for column in columns]
        return scratch.update(self._names[table.oid], values, where)

    def _pick(self, table: Table, column: Column) -> str:
        return self._pools[table.oid, column.name].pick(self._rng)

    def _row(self, table: Table, rows: Rows) -> Sequence[str] | None:
        there = rows[table.oid]
        return self._rng.choice(there) if there else None

    def _where_row(self, table: Table, rows: Rows) -> str | None:
        """Return what is true of a row, and of its equals: by what is unique, or by all that it holds."""
        row = self._row(table, rows)
        return None if row is None else self._where(table, row)

    @staticmethod
    def _where(table: Table, row: Sequence[str]) -> str:
        keys = [column.name for column in table.written if column.is_key and column.is_required]
        held = zip(table.written, row, strict=True)
        parts = [_holds(column, value) for column, value in held if not keys or column.name in keys]
        return " and ".join(parts)

    def _where_alike(self, table: Table, rows: Rows) -> str | None:
        """Return what is true of the rows that are alike in one column."""
        row = self._row(table, rows)
        if row is None:
            return None
        held = list(zip(table.written, row, strict=True))
        used = [pair for pair in held if self._is_used(pair[0])]
        return _holds(*self._rng.choice(used or held))


def _holds(column: Column, value: str) -> str:
    return scratch.is_value(
        column.sql, value, has_equality=column.has_equality and not column.base.startswith("float")
    )


def referred_first(tables: Sequence[Table]) -> list[Table]:
    """Return tables so that each comes after those that it refers to, where that is possible."""
    waiting = list(tables)
    found: list[Table] = []
    while waiting:
        there = {table.oid for table in found}
        ready = [t for t in waiting if all(oid in there | {t.oid} for oid, _, _ in t.foreign)] or waiting[:1]
        found += ready
        waiting = [table for table in waiting if table not in ready]
    return found
