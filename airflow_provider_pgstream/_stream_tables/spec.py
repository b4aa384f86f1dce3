"""What a stream table is to be."""

from __future__ import annotations

from dataclasses import dataclass, field

from airflow_provider_pgstream._arguments import one_of
from airflow_provider_pgstream._engines import words
from airflow_provider_pgstream._stream_tables.settings import Settings
from airflow_provider_pgstream.exceptions import InvalidStreamTable
from airflow_provider_pgstream.models import StreamTable

IF_EXISTS = ("fail", "skip", "replace")


@dataclass(frozen=True)
class Spec:
    """What a stream table is to be; the fields are the arguments of ``PgStreamHook.create``."""

    query: str
    schedule: str | None = "1m"
    refresh_mode: str = words.DIFFERENTIAL
    initialize: bool = True
    status: str | None = None
    if_exists: str = "fail"
    lock_timeout: float = 10.0
    settings: Settings = field(default_factory=Settings)

    def __post_init__(self) -> None:
        one_of("if_exists", self.if_exists, IF_EXISTS)
        object.__setattr__(self, "query", normalize(self.query))
        object.__setattr__(self, "refresh_mode", refresh_mode_word(self.refresh_mode))
        object.__setattr__(self, "status", status_word(self.status))
        if self.refresh_mode == words.IMMEDIATE and self.schedule is not None:
            raise InvalidStreamTable(
                "refresh_mode='IMMEDIATE' is kept right by the writers of its sources, and has no "
                "schedule: give schedule=None"
            )


def normalize(query: str) -> str:
    """
    Return a query as the engine can take it: within parentheses.

    :raises InvalidStreamTable: if there is none.
    """
    text = query.strip() if isinstance(query, str) else ""
    while text.endswith(";"):
        text = text[:-1].rstrip()
    if not text:
        raise InvalidStreamTable("the query is empty: give one SELECT, or the name of a .sql file")
    if "\x00" in text:
        raise InvalidStreamTable("the query holds a NUL character, which PostgreSQL cannot store")
    return text + "\n" if "--" in text.splitlines()[-1] else text


def refresh_mode_word(word: str | None) -> str:
    """Return the word for a refresh mode that engines use; whether one has it, is asked when it is known."""
    mode: str = one_of("refresh_mode", str(word).strip().upper(), words.REFRESH_MODES)
    return mode


def status_word(word: str | None) -> str | None:
    """Return the engine's word for a status; None stands for none."""
    try:
        return None if word is None else words.status_word(word)
    except ValueError as error:
        raise InvalidStreamTable(str(error)) from None


def needs_other_storage(table: StreamTable, refresh_mode: str | None) -> bool:
    """Whether a mode needs a storage, or triggers, that a table of another mode lacks: FULL needs nothing."""
    return refresh_mode not in (None, table.refresh_mode, words.AUTO) and (
        refresh_mode != words.FULL or table.refresh_mode == words.IMMEDIATE
    )
