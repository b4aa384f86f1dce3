"""What is refreshed by its changes is what was tried: verdicts are kept, found again, and heeded."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_pgstream._engines import verdicts
from airflow_provider_pgstream._engines.engine import Engine
from airflow_provider_pgstream.exceptions import InvalidStreamTable, UnsupportedQuery
from airflow_provider_pgstream.hooks.pgstream import PgStreamHook
from airflow_provider_pgstream.operators import PgStreamCheckOperator, PgStreamCreateOperator
from tests.fixtures.engine import ENGINE
from tests.fixtures.orders import NAME

QUERY = "select id, amount from public.orders where amount > 1"


@pytest.fixture
def table(orders: Any, hook: PgStreamHook) -> str:
    hook.create(NAME, QUERY, schedule=None)
    return NAME


@pytest.fixture
def real(monkeypatch: pytest.MonkeyPatch, connect_as: Any) -> PgStreamHook:
    """The engine as one that may be wrong, and a connection that says nothing about it."""
    monkeypatch.setattr(Engine, "is_emulated", property(lambda _: False))
    return connect_as()


def judge(orders: Any, verdict: str, query: str = QUERY, version: str | None = None) -> None:
    """Keep a verdict as a check does."""
    orders.sql(verdicts.MAKE)
    installed = orders.sql("select extversion from pg_extension where extname = %s", ENGINE.extension)
    orders.sql(
        f"insert into {verdicts.TABLE} select {verdicts.hash_of('%s')}, %s, %s, 'DIFFERENTIAL', %s, 'said',"
        " 1, 1, null, 'q' on conflict (query_hash, engine, version, refresh_mode) do update"
        " set verdict = excluded.verdict",
        query,
        ENGINE.extension,
        version or installed,
        verdict,
    )


def action(hook: PgStreamHook, orders: Any, **options: Any) -> tuple[str | None, str]:
    orders.sql("insert into public.orders select max(id) + 1, 1, 5 from public.orders")
    found = hook.refresh(NAME, **options)
    assert orders.sql(f"select count(*) from {NAME}") == orders.sql(f"select count(*) from ({QUERY}) q")
    return found.action, found.reason or ""


def test_unchecked_table_is_refreshed_in_full_where_only_checked_ones_are_trusted(
    orders: Any, hook: PgStreamHook, table: str
) -> None:
    kind, reason = action(hook, orders, trust="checked")
    assert kind == "FULL"
    assert "was not tried on this engine and version" in reason
    assert hook.check_query(QUERY, changes=3).is_right
    assert action(hook, orders, trust="checked") == ("DIFFERENTIAL", "")


@pytest.mark.parametrize("verdict", ["wrong", "fails", "refused"])
def test_bad_verdict_is_heeded_whoever_is_trusted(
    orders: Any, hook: PgStreamHook, table: str, verdict: str
) -> None:
    judge(orders, verdict)
    for trust in ("engine", "checked"):
        kind, reason = action(hook, orders, trust=trust)
        assert (kind, "was tried on this engine" in reason) == ("FULL", True)


def test_what_cannot_be_tried_is_trusted_with_the_engine_only(
    orders: Any, hook: PgStreamHook, table: str
) -> None:
    judge(orders, "unknown")
    assert action(hook, orders, trust="checked")[0] == "FULL"
    assert action(hook, orders, trust="engine")[0] == "DIFFERENTIAL"


def test_verdict_of_another_version_or_query_counts_for_nothing(
    orders: Any, hook: PgStreamHook, table: str
) -> None:
    judge(orders, "right", version="0.0.1")
    judge(orders, "right", query=f"{QUERY} and id > 0")
    assert action(hook, orders, trust="checked")[0] == "FULL"
    judge(orders, "right", query=f" {QUERY.replace(' ', '  ')};\n")  # blanks are no other query
    assert action(hook, orders, trust="checked")[0] == "DIFFERENTIAL"


def test_connection_says_what_is_trusted_and_the_call_decides(
    orders: Any, connect_as: Any, table: str
) -> None:
    hook = connect_as(extra={"trust": "checked"})
    assert action(hook, orders)[0] == "FULL"
    assert action(hook, orders, trust="engine")[0] == "DIFFERENTIAL"
    with pytest.raises(InvalidStreamTable, match=r"connection 'odd'.*trust='blindly'.*checked, engine"):
        connect_as(extra={"trust": "blindly"}).refresh(NAME)
    with pytest.raises(InvalidStreamTable, match="trust='nobody' is not known"):
        hook.refresh(NAME, trust="nobody")


@pytest.mark.pg_stream_only("it is believed by itself")
def test_default_is_to_trust_what_was_checked(orders: Any, real: PgStreamHook, table: str) -> None:
    assert action(real, orders)[0] == "FULL"
    judge(orders, "right")
    assert action(real, orders)[0] == "DIFFERENTIAL"


@pytest.mark.pg_trickle_only("another is not believed by itself")
def test_default_is_to_trust_the_engine(orders: Any, real: PgStreamHook, table: str) -> None:
    assert action(real, orders)[0] == "DIFFERENTIAL"
    judge(orders, "wrong")
    assert action(real, orders)[0] == "FULL"


def test_verification_of_a_distrusted_table_is_the_same(orders: Any, hook: PgStreamHook, table: str) -> None:
    judge(orders, "wrong")
    assert hook.verify(NAME).equal
    orders.tamper(f"delete from {NAME}")
    assert hook.verify(NAME).outcome == "different"


def test_bad_verdict_stays_until_it_is_deleted(orders: Any, hook: PgStreamHook) -> None:
    judge(orders, "wrong")
    assert hook.check_query(QUERY, changes=2).is_right
    found = hook.query_verdict(QUERY)
    assert found is not None
    assert found.verdict == "wrong"
    orders.sql(f"delete from {verdicts.TABLE}")
    assert hook.query_verdict(QUERY) is None
    hook.check_query(QUERY, changes=2)
    found = hook.query_verdict(QUERY)
    assert found is not None
    assert (found.verdict, found.changes, found.engine) == ("right", 2, ENGINE.extension)
    assert found.checked_at is not None


def test_diagnosis_names_scheduled_tables_that_are_unchecked_or_wrong(
    orders: Any, hook: PgStreamHook, connect_as: Any
) -> None:
    hook.create(NAME, QUERY, schedule="1h")
    assert not [one for one in hook.diagnose().findings if "by its changes" in one]
    (finding,) = [one for one in connect_as(extra={"trust": "checked"}).diagnose().findings if "tried" in one]
    assert f"stream table {NAME} by its changes, and its query was never tried" in finding
    judge(orders, "wrong")
    (finding,) = [one for one in hook.diagnose().findings if "by its changes" in one]
    assert "goes wrong" in finding


@pytest.fixture
def create(real: PgStreamHook, orders: Any) -> Any:
    def run(check_query: str = "fail", query: str = QUERY, **options: Any) -> Any:
        task = PgStreamCreateOperator(
            task_id="t",
            stream_table=NAME,
            query=query,
            schedule=None,
            check_query=check_query,
            if_exists="replace",
            postgres_conn_id="odd",
            **options,
        )
        return task.execute({})[NAME]["outcome"]

    return run


def test_new_query_is_tried_once(orders: Any, create: Any, real: PgStreamHook) -> None:
    assert create() == "created"
    first = real.query_verdict(QUERY)
    assert first is not None
    assert first.is_right
    assert create() == "unchanged"
    real.drop(NAME)
    assert create() == "created"
    assert real.query_verdict(QUERY) == first
    assert create(query=QUERY + " and id > 0") in ("replaced", "altered")
    assert orders.sql(f"select count(*) from {verdicts.TABLE}") == 2


def test_bad_query_is_not_created_or_warned_of_or_created_in_full(
    orders: Any, create: Any, real: PgStreamHook, told: Any
) -> None:
    judge(orders, "wrong")
    with pytest.raises(UnsupportedQuery, match=r"said.*check_query='full'"):
        create()
    assert not real.list()
    assert create("full") == "created"
    assert real.get(NAME).refresh_mode == "FULL"
    assert "It is created in FULL mode" in told()
    assert create("full") == "unchanged"
    real.drop(NAME)
    assert create("warn") == "created"
    assert "said" in told()
    assert real.get(NAME).refresh_mode == "DIFFERENTIAL"
    with pytest.raises(InvalidStreamTable, match="check_query='maybe'"):
        create("maybe")


def test_what_cannot_be_tried_is_created_and_warned_of(orders: Any, create: Any, told: Any) -> None:
    judge(orders, "unknown")
    assert create() == "created"
    assert "said" in told()


def test_emulator_is_not_tried_at_each_create(orders: Any, hook: PgStreamHook) -> None:
    hook.create(NAME, QUERY, schedule=None, check_query="fail")
    assert not orders.sql(f"select to_regclass('{verdicts.TABLE}')")


def test_operator_checks_what_exists(
    orders: Any, hook: PgStreamHook, table: str, pgstream_conn_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook.create("public.full_one", QUERY, schedule=None, refresh_mode="FULL")
    task = PgStreamCheckOperator(
        task_id="t", stream_table=[NAME, "public.full_one"], changes=3, postgres_conn_id=pgstream_conn_id
    )
    results = task.execute({})
    assert list(results) == [NAME]
    assert results[NAME]["verdict"] == "right"
    assert "counterexample" not in results[NAME]
    from airflow_provider_pgstream._query_check import scratch

    monkeypatch.setattr(scratch, "refresh", lambda *_: (step for step in ()))
    with pytest.raises(UnsupportedQuery, match=f"stream table {NAME}: the query goes wrong"):
        task.execute({})
    task.on_wrong = "warn"
    assert task.execute({})[NAME]["verdict"] == "wrong"
