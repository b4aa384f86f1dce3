"""Attempts at locks: short ones first, pauses in which writers go on, and longer than an autovacuum lasts."""

from __future__ import annotations

import pytest

from airflow_provider_pgstream._stream_tables.attempts import FIRST, LONGEST, PAUSE, Attempts


def all_of(
    timeout: float, deadlock_timeout: float = 1.0, *, autovacuum: bool = False
) -> list[tuple[float, float]]:
    """Return the lengths of all attempts, each with the pause after it."""
    attempts = Attempts(timeout, deadlock_timeout)
    made = []
    while not attempts.is_last:
        length = attempts.length
        made.append((length, attempts.failed(autovacuum=autovacuum)))
    return [*made, (attempts.length, 0.0)]


def test_the_first_attempt_is_short_and_they_grow() -> None:
    lengths = [length for length, _ in all_of(60)]
    assert lengths[0] == FIRST
    assert lengths[:-1] == sorted(lengths[:-1])
    assert max(lengths) == LONGEST


def test_a_pause_is_longer_than_writers_had_to_wait() -> None:
    assert PAUSE > 1
    # The last ones share what is left of the time.
    assert all(pause == PAUSE * length for length, pause in all_of(60)[:-3])


def test_early_attempts_end_before_postgres_looks_for_deadlocks() -> None:
    waited = 0.0
    for length, pause in all_of(60):
        if waited < 3.0:
            assert length < 1.0
        waited += length + pause


@pytest.mark.parametrize("deadlock_timeout", [1.0, 5.0])
def test_an_attempt_outlasts_deadlock_timeout_at_once_if_only_an_autovacuum_is_in_the_way(
    deadlock_timeout: float,
) -> None:
    """PostgreSQL ends an autovacuum for who has waited longer than that."""
    (_, first_pause), (second, _), *_ = all_of(60, deadlock_timeout, autovacuum=True)
    assert first_pause == PAUSE * FIRST
    assert second > deadlock_timeout


def test_transactions_of_a_second_and_a_half_are_outlasted_within_half_a_minute() -> None:
    waited = 0.0
    for length, pause in all_of(120):
        if length > 1.5:
            break
        waited += length + pause
    assert waited < 30


@pytest.mark.parametrize("timeout", [0.01, 0.05, 0.11, 0.3, 1, 10, 600])
def test_all_attempts_and_pauses_together_last_no_longer_than_the_timeout(timeout: float) -> None:
    made = all_of(timeout)
    assert sum(map(sum, made)) <= max(timeout, FIRST) + 1e-6


@pytest.mark.parametrize("deadlock_timeout", [0.05, 1.0, 30.0])
def test_the_second_lock_is_waited_for_less_long_than_deadlock_timeout(deadlock_timeout: float) -> None:
    """Or a writer that holds the second table and wants the first would be the deadlock's victim."""
    attempts = Attempts(600, deadlock_timeout)
    while not attempts.is_last:
        assert attempts.rest_length < deadlock_timeout
        attempts.failed(autovacuum=True)
