"""
The names in a query: which tables it reads, and the same query on other tables.

A real parser says which words are names of tables; only those are replaced, in the user's own text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_pgstream.exceptions import PgStreamError, UnsupportedQuery

if TYPE_CHECKING:
    from sqlglot import exp


class Unreadable(Exception):
    """A query that the parser does not understand; the text says what."""


@dataclass(frozen=True)
class Name:
    """
    A table's name as a query writes it, folded as PostgreSQL does it.

    :param schema: None where the query leaves it to the search path.
    """

    schema: str | None
    table: str

    def __str__(self) -> str:
        return ".".join(map(quoted, filter(None, (self.schema, self.table))))


@dataclass(frozen=True)
class Literals:
    """
    The constants of a query.

    :param of_columns: those that a column is compared with, by the column's name, as text.
    :param keys: the names of members that are taken from documents.
    """

    of_columns: Mapping[str, tuple[str, ...]]
    keys: tuple[str, ...]


def quoted(name: str) -> str:
    """Return a name as SQL writes it."""
    return name if re.fullmatch(r"[a-z_][a-z0-9_]*", name) else '"' + name.replace('"', '""') + '"'


class Query:
    """
    A query, taken apart.

    :param text: one SELECT.
    :raises Unreadable: if the parser does not understand it.
    :raises PgStreamError: if there is no parser.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._tree = _parsed(text)

    def names(self) -> list[Name]:
        """Return the tables and views that it names, without repetition."""
        return list(dict.fromkeys(_name_of(table) for table in self._tables()))

    def moved(self, to: Callable[[Name], str | None]) -> str:
        """
        Return its text with other names.

        :param to: what stands for a name, as SQL; None leaves it as it is.
        """
        changes = [change for table in self._tables() if (change := _change(table.this, table, to))]
        changes += [change for column in self._qualified() if (change := self._of_column(column, to))]
        text = self.text
        for start, end, new in sorted(set(changes), reverse=True):
            text = text[:start] + new + text[end:]
        return text

    def literals(self) -> Literals:
        """Return the constants that rows have to meet to make a difference."""
        from sqlglot import exp

        found: dict[str, list[str]] = {}
        keys: list[str] = []
        for literal in self._tree.find_all(exp.Literal):
            if literal.is_string and re.fullmatch(r"\w+", literal.this):
                keys.append(literal.this)
            for column in _compared_with(literal):
                found.setdefault(_folded(column.this), []).append(literal.this)
        return Literals(
            {name: tuple(dict.fromkeys(values)) for name, values in found.items()}, tuple(dict.fromkeys(keys))
        )

    def joined(self) -> set[frozenset[str]]:
        """Return the names of columns of which it asks that they be equal, in pairs; of USING, one name."""
        from sqlglot import exp

        pairs = [(equal.this, equal.expression) for equal in self._tree.find_all(exp.EQ)]
        found = {
            frozenset(_folded(column.this) for column in pair)
            for pair in pairs
            if all(isinstance(column, exp.Column) for column in pair)
        }
        using = [name for join in self._tree.find_all(exp.Join) for name in join.args.get("using") or ()]
        return found | {frozenset([_folded(name)]) for name in using}

    def columns(self) -> set[str] | None:
        """Return the names of columns in it; None where a star stands for all of them."""
        from sqlglot import exp

        stars = [star for star in self._tree.find_all(exp.Star) if not isinstance(star.parent, exp.Count)]
        if stars or any(join.args.get("method") == "NATURAL" for join in self._tree.find_all(exp.Join)):
            return None
        return {_folded(identifier) for identifier in self._tree.find_all(exp.Identifier)}

    def calls(self) -> set[str]:
        """Return the names in it that are called like functions, and the keywords that stand for such."""
        text = re.sub(r"'(?:[^']|'')*'|--[^\n]*|/\*.*?\*/", " ", self.text, flags=re.DOTALL).lower()
        called = set(re.findall(r"([a-z_][a-z0-9_$]*)\s*\(", text))
        return called | (_KEYWORDS & set(re.findall(r"[a-z_]+", text)))

    def _tables(self) -> Iterator[exp.Table]:
        from sqlglot import exp

        for table in self._tree.find_all(exp.Table):
            if isinstance(table.this, exp.Identifier) and not _is_of_with(table):
                yield table

    def _qualified(self) -> Iterator[exp.Column]:
        from sqlglot import exp

        for column in self._tree.find_all(exp.Column):
            if isinstance(column.args.get("db"), exp.Identifier):
                yield column

    @staticmethod
    def _of_column(column: exp.Column, to: Callable[[Name], str | None]) -> tuple[int, int, str] | None:
        return _change(column.args["table"], column, to)


_KEYWORDS = {
    "current_date",
    "current_time",
    "current_timestamp",
    "localtime",
    "localtimestamp",
    "current_user",
    "session_user",
    "current_role",
    "tablesample",
}


def _parsed(text: str) -> exp.Query:
    try:
        import sqlglot
        from sqlglot.errors import SqlglotError
    except ImportError:
        raise PgStreamError(
            "to check a query, sqlglot has to be there, which reads it: pip install "
            "'airflow-provider-pgstream[check]', or leave the check out with check_query='off'"
        ) from None
    try:
        found = sqlglot.parse(text, dialect="postgres")
    except (SqlglotError, RecursionError) as error:
        raise Unreadable(str(error).splitlines()[0]) from None
    if len(found) != 1 or not isinstance(found[0], sqlglot.exp.Query):
        raise UnsupportedQuery(
            "the query is not one SELECT: give one, without what makes, changes or sets anything"
        )
    return found[0]


def _name_of(table: exp.Table) -> Name:
    schema = table.args.get("db")
    return Name(None if schema is None else _folded(schema), _folded(table.this))


def _folded(identifier: Any) -> str:
    name = str(identifier.this)
    return name if identifier.args.get("quoted") else name.lower()


def _is_of_with(table: exp.Table) -> bool:
    """Whether it is a common table expression, in whose scope it stands."""
    from sqlglot import exp

    if table.args.get("db") is not None:
        return False
    name = _folded(table.this)
    above: Any = table
    while above is not None:
        for part in above.args.values():
            if isinstance(part, exp.With) and name in (
                _folded(one.args["alias"].this) for one in part.expressions
            ):
                return True
        above = above.parent
    return False


def _change(
    table: Any, node: exp.Expression, to: Callable[[Name], str | None]
) -> tuple[int, int, str] | None:
    schema = node.args.get("db")
    new = to(Name(None if schema is None else _folded(schema), _folded(table)))
    if new is None:
        return None
    start = (schema or table).meta["start"]
    return start, table.meta["end"] + 1, new


def _compared_with(literal: exp.Literal) -> Iterator[exp.Column]:
    """Yield the columns of the comparison, or the other small expression, in which a constant stands."""
    from sqlglot import exp

    above = literal.parent
    for _ in range(3):
        if above is None or isinstance(above, exp.Query | exp.Select):
            return
        columns = list(above.find_all(exp.Column))
        if columns:
            yield from columns
            return
        above = above.parent


def is_json(text: str) -> bool:
    """Tell whether a text is a document."""
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
