"""
The values that rows are made of: few, so that joins and groups meet.

A column's own, by sampling; what the query compares it with, and a little more and less; what its type has at
its edges; and NULL wherever it may be. Columns of one type share some of them.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from airflow_provider_pgstream._engines.scratch import literal
from airflow_provider_pgstream._query_check.names import Literals, is_json
from airflow_provider_pgstream._query_check.shapes import Column, Table, Untriable

NULL = "NULL"
NULLS = 0.25
"""How often a column that may be NULL is."""

SHARED = 0.4
"""How often a value is one that all columns of the type share."""

KEYS = 12
"""How many values a key takes, beside what is sampled."""

_INTEGERS = ("int2", "int4", "int8")
_NUMBERS = (*_INTEGERS, "numeric", "float4", "float8", "money")
_TEXTS = ("text", "varchar", "bpchar", "name", "citext")
_DOCUMENTS = ("json", "jsonb")

_OWN: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(_INTEGERS, ("1", "2", "3", "0", "-1", "10")),
    **dict.fromkeys(("numeric", "float4", "float8", "money"), ("1", "2", "1.5", "0", "-1", "10.25")),
    **dict.fromkeys(_TEXTS, ("a", "b", "c", "", "B")),
    "bool": ("true", "false"),
    "date": ("2026-01-01", "2026-01-02", "2026-01-31", "2026-02-28", "2025-12-31"),
    "timestamp": ("2026-01-01 00:00:00", "2026-01-01 12:30:00", "2026-02-01 23:59:59", "2025-12-31 23:00:00"),
    "timestamptz": ("2026-01-01 00:00:00+00", "2026-01-01 12:30:00+00", "2026-02-01 23:59:59+00"),
    "time": ("00:00:00", "12:30:00", "23:59:59"),
    "timetz": ("00:00:00+00", "12:30:00+00"),
    "interval": ("1 day", "2 hours", "0", "1 mon"),
    "uuid": tuple(f"00000000-0000-4000-8000-00000000000{number}" for number in range(1, 6)),
    "bytea": ("\\x00", "\\x6162", "\\x"),
    "inet": ("10.0.0.1", "10.0.0.2", "192.168.0.0/24"),
    "cidr": ("10.0.0.0/8", "192.168.0.0/24"),
    "macaddr": ("08:00:2b:01:02:03", "08:00:2b:01:02:04"),
    "int4range": ("[1,3)", "[2,5)", "empty"),
    "int8range": ("[1,3)", "[2,5)", "empty"),
    "numrange": ("[1,3)", "[2.5,5)", "empty"),
    "daterange": ("[2026-01-01,2026-01-03)", "[2026-01-02,2026-02-01)", "empty"),
    "tsrange": ("[2026-01-01,2026-01-03)", "empty"),
    "tstzrange": ("[2026-01-01 00:00+00,2026-01-03 00:00+00)", "empty"),
    "point": ("(0,0)", "(1,2)"),
    "xml": ("<a/>", "<a>1</a>"),
    "tsvector": ("a b", "b c"),
    "bit": ("0", "1"),
    "varbit": ("0", "101"),
}


_WRITTEN: Mapping[str, str] = {
    **dict.fromkeys(("numeric", "float4", "float8"), r"-?\d*\.\d+$"),
    **dict.fromkeys(("date", "timestamp", "timestamptz"), r"\d{4}-\d\d-\d\d"),
    "time": r"\d\d:\d\d",
    "uuid": r"[0-9a-f-]{36}$",
}
"""How constants of some types are written."""


@dataclass(frozen=True)
class Pool:
    """
    What one column takes.

    :param own: the values that are its own.
    :param shared: those that all columns of its type share.
    """

    own: tuple[str, ...]
    shared: tuple[str, ...]
    may_be_null: bool

    def pick(self, rng: random.Random) -> str:
        """Return one of them, as SQL writes it."""
        if self.may_be_null and (not self.own or rng.random() < NULLS):
            return NULL
        values = self.shared if self.shared and rng.random() < SHARED else self.own
        return literal(rng.choice(values))


Pools = Mapping[tuple[int, str], Pool]
"""By the table's oid and the column's name."""


def pools(tables: Sequence[Table], literals: Literals) -> Pools:
    """
    Return what each column of some tables takes.

    :raises Untriable: if there is nothing for one that has to have a value.
    """
    own = {
        (table.oid, column.name): _distinct(_own(column, literals))
        for table in tables
        for column in table.written
    }
    by_type: dict[tuple[str, bool], list[str]] = {}
    for table in tables:
        for column in table.written:
            by_type.setdefault((column.base, column.is_array), []).extend(own[table.oid, column.name][:8])
    found = {}
    for table in tables:
        for column in table.written:
            values = own[table.oid, column.name]
            if not values and column.is_required:
                raise Untriable(
                    f"column {column.name} of {table} needs a value of type {column.type}, and neither the "
                    "table nor this check has one: put some rows into the table"
                )
            shared = _distinct(by_type[column.base, column.is_array])
            found[table.oid, column.name] = Pool(values, shared[:10], not column.is_required)
    return found


def _own(column: Column, literals: Literals) -> Iterable[str]:
    yield from column.sample
    for text in literals.of_columns.get(column.name, ()):
        yield from _near(column, text)
    of_type = _of_type(column, literals)
    yield from ("{" + ",".join(some) + "}" for some in _slices(of_type)) if column.is_array else of_type


def _near(column: Column, text: str) -> Iterable[str]:
    """Yield a constant, and what lies just beside it, if the column's type has such values."""
    if column.is_array:
        return
    if column.base in _NUMBERS and re.fullmatch(r"-?\d+", text):
        yield from (text, str(int(text) + 1), str(int(text) - 1))
    elif column.base in _TEXTS:
        yield text.replace("%", "").replace("_", "x")
    elif text in column.labels or re.match(_WRITTEN.get(column.base, "(?!)"), text):
        yield text


def _of_type(column: Column, literals: Literals) -> tuple[str, ...]:
    if column.labels:
        return column.labels[:5]
    if column.base in _DOCUMENTS:
        return _documents(literals)
    if column.is_key and not column.is_array:
        if column.base in _NUMBERS:
            return tuple(map(str, range(1, KEYS + 1)))
        if column.base in _TEXTS:
            return (*_OWN[column.base], *(f"k{number}" for number in range(1, KEYS)))
        if column.base == "uuid":
            return tuple(f"00000000-0000-4000-8000-0000000000{number:02}" for number in range(1, KEYS + 1))
        if column.base in ("date", "timestamp", "timestamptz"):
            return tuple(f"2026-01-{day:02}" for day in range(1, KEYS + 1))
    return _OWN.get(column.base, ())


def _documents(literals: Literals) -> tuple[str, ...]:
    """Return documents whose members are those that the query asks for, or some."""
    keys = literals.keys[:4] or ("a", "b")
    words = ("1", "a", *(key for key in literals.keys[:3]))
    found = [json.dumps({key: word}) for key in keys for word in words]
    found += [json.dumps(dict.fromkeys(keys, 2)), json.dumps({keys[0]: [1, 2]}), "{}"]
    return tuple(text for text in found if is_json(text))


def _slices(values: Sequence[str]) -> Iterable[Sequence[str]]:
    plain = [value for value in values if re.fullmatch(r"[\w.-]+", value)]
    return ((), plain[:1], plain[1:2], plain[:2], plain[1:3], plain[:3])


def _distinct(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))
