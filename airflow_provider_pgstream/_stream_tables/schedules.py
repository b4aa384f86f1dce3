"""When a schedule is due next."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_DURATION = re.compile(r"(\d+)([smhdw])")


def seconds(schedule: str) -> int | None:
    """Return the seconds of a duration such as ``90``, ``5m`` or ``1h30m``; None for a cron expression."""
    text = schedule.strip().lower()
    if text.isdigit():
        return int(text)
    if re.fullmatch(r"(\d+[smhdw])+", text):
        return sum(int(number) * _UNITS[unit] for number, unit in _DURATION.findall(text))
    return None


def next_time(schedule: str, since: datetime) -> datetime | None:
    """
    Return the first moment after ``since`` at which a refresh is due, in UTC; None if that cannot be told.

    :param schedule: a duration, a cron expression of five to seven fields, or an alias such as ``@hourly``.
    """
    since = since.astimezone(UTC)
    length = seconds(schedule)
    if length is not None:
        return since + timedelta(seconds=length)
    try:
        from croniter import croniter
    except ModuleNotFoundError:
        return None
    if not croniter.is_valid(schedule, second_at_beginning=True):
        return None
    due: datetime = croniter(schedule, since, second_at_beginning=True).get_next(datetime)
    return due


def is_cron(schedule: str) -> bool:
    """Tell whether a schedule is a cron expression or an alias of one."""
    return schedule.strip().startswith("@") or len(schedule.split()) >= 5


def interval(schedule: str, now: datetime) -> str | None:
    """Return the shortest pause between two of the next times of a cron expression, as a duration."""
    times = [now]
    for _ in range(4):
        following = next_time(schedule, times[-1])
        if following is None:
            return None
        times.append(following)
    pause = min(later - earlier for earlier, later in pairwise(times[1:]))
    length = int(pause.total_seconds())
    for unit, size in sorted(_UNITS.items(), key=lambda item: -item[1]):
        if length % size == 0:
            return f"{length // size}{unit}"
    return None
