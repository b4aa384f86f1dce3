"""The one declaration of the refresh options that operator, hook, plan and trigger take."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_pgstream._arguments import one_of, parse_rendered
from airflow_provider_pgstream.exceptions import InvalidStreamTable

WHEN = ("always", "unpopulated", "unattended", "due")
ON_BUSY = ("wait", "skip", "fail")
ON_LOCKED = ("fail", "skip")
ON_SUSPENDED = ("fail", "skip", "resume")


@dataclass(frozen=True, kw_only=True)
class RefreshOptions:
    """
    How stream tables are refreshed.

    :param when: ``always``; only if ``unpopulated``; only if ``unattended``: nothing else refreshes it; or
        only if ``due``: its schedule has come, by the database's clock.
    :param full: in FULL mode, once: this repairs wrong rows of a DIFFERENTIAL table.
    :param include_upstream: refresh the stream tables that these read, too, before them.
    :param lock_sources: refresh at a boundary, for which writers of the sources wait for a moment. Without
        it rows can be lost.
    :param lock_timeout: seconds to try for the locks, in attempts with pauses between them.
    :param on_locked: when a lock does not come in that time: ``fail``, or ``skip`` the stream table.
    :param on_busy: while another session refreshes it: ``wait``, holding nothing, ``skip`` it, or ``fail``.
    :param busy_timeout: seconds to wait so.
    :param on_suspended: what to do with a paused one: ``fail``, ``skip`` it, or ``resume`` it.
    :param consistent: refresh all of them as of one moment, so that they agree with one another.
    :param max_parallel: how many that do not read each other are refreshed at once; None for 1, or with
        ``consistent`` for all.
    :param statement_timeout: seconds that the engine's refresh of one may take; None for the role's setting.
    :param dry_run: refresh nothing, and return what would be done, in which order.
    :raises InvalidStreamTable: if a choice is not one of these.
    """

    when: str = "always"
    full: bool = False
    include_upstream: bool = False
    lock_sources: bool = True
    lock_timeout: float = 10.0
    on_locked: str = "fail"
    on_busy: str = "wait"
    busy_timeout: float = 600.0
    on_suspended: str = "fail"
    consistent: bool = False
    max_parallel: int | None = None
    statement_timeout: float | None = None
    dry_run: bool = False

    def __post_init__(self) -> None:
        parse_rendered(self)
        one_of("when", self.when, WHEN)
        one_of("on_locked", self.on_locked, ON_LOCKED)
        one_of("on_busy", self.on_busy, ON_BUSY)
        one_of("on_suspended", self.on_suspended, ON_SUSPENDED)
        if self.consistent and not self.lock_sources:
            raise InvalidStreamTable("consistent=True needs lock_sources=True: leave out lock_sources=False")
        if self.consistent and self.when != "always":
            raise InvalidStreamTable(
                f"consistent=True refreshes all of them, and when={self.when!r} only some: leave one out"
            )
        if self.max_parallel == 0 or self.statement_timeout == 0:
            raise InvalidStreamTable(
                "max_parallel and statement_timeout must be more than 0: leave out what is not to be limited"
            )
