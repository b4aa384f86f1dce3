"""Names of stream tables: what the engine can hold, and what it cannot."""

from __future__ import annotations

import re
from collections.abc import Iterable

from airflow_provider_pgstream._engines import words
from airflow_provider_pgstream.exceptions import InvalidStreamTable

_BLANK_OR_CONTROL = re.compile(r"[\s\x00-\x1f\x7f]")


def check_name(name: object) -> str:
    """
    Return the name if the engine can hold it.

    The engine splits it at the first dot, does not unquote it, and looks its own table up without quotes.

    :param name: ``table`` or ``schema.table``.
    :raises InvalidStreamTable: if it cannot, saying why.
    """
    if not isinstance(name, str):
        raise _refused(name, f"it is {type(name).__name__}, not text")
    if not name:
        raise _refused(name, "it is empty")
    if _BLANK_OR_CONTROL.search(name):
        raise _refused(name, "it holds a blank or a control character")
    if re.search(r"[A-Z]", name):
        raise _refused(name, "it holds an upper-case letter")
    if name.count(".") > 1:
        raise _refused(name, "it has more than one dot")
    for part in name.split("."):
        _check_part(name, part)
    return name


def _check_part(name: str, part: str) -> None:
    if not part:
        raise _refused(name, "a part of it is empty")
    if part.startswith('"'):
        raise _refused(name, "it is quoted: write it without quotes")
    try:
        length = len(part.encode())
    except UnicodeEncodeError:
        raise _refused(name, "it holds half a character") from None
    if length > words.MAX_NAME_BYTES:
        raise _refused(name, f"{part!r} has {length} bytes, and {words.MAX_NAME_BYTES} are the most")


def check_names(stream_table: str | Iterable[str]) -> list[str]:
    """
    Return one name or several as a list without duplicates.

    :raises InvalidStreamTable: if there is none, or one that the engine cannot hold.
    """
    given = [stream_table] if isinstance(stream_table, str) else stream_table
    if not isinstance(given, Iterable):
        raise _refused(stream_table, f"it is {type(stream_table).__name__}, not text and not a list")
    names = list(dict.fromkeys(check_name(name) for name in given))
    if not names:
        raise InvalidStreamTable("stream_table names no stream table: give 'schema.table', or a list of them")
    return names


def _refused(name: object, why: str) -> InvalidStreamTable:
    return InvalidStreamTable(
        f"{name!r} cannot be the name of a stream table: {why}; give 'schema.table' in lower case"
    )
