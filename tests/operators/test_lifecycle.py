"""The operators that create, alter and drop."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_pgstream.exceptions import (
    DependentObjectsExist,
    InvalidStreamTable,
    StreamTableNotFound,
)
from airflow_provider_pgstream.hooks.pgstream import PgStreamHook
from airflow_provider_pgstream.operators import (
    PgStreamAlterOperator,
    PgStreamCreateOperator,
    PgStreamDropOperator,
)
from tests.fixtures.orders import NAME, QUERY


@pytest.fixture
def do(pgstream_conn_id: str) -> Callable[..., Any]:
    def execute(operator: type[Any], stream_table: Any = NAME, **kwargs: Any) -> Any:
        task = operator(task_id="t", stream_table=stream_table, postgres_conn_id=pgstream_conn_id, **kwargs)
        return task.execute({})

    return execute


def test_create_with_its_defaults(orders: Any, do: Any, hook: PgStreamHook) -> None:
    orders.sql("set pg_stream.min_schedule_seconds = 1")
    assert do(PgStreamCreateOperator, query=QUERY)[NAME]["outcome"] == "created"
    table = hook.get(NAME)
    assert (table.schedule, table.refresh_mode, table.status) == ("1m", "DIFFERENTIAL", "ACTIVE")
    assert table.is_populated


def test_create_without_schedule_unpopulated_and_paused(orders: Any, do: Any, hook: PgStreamHook) -> None:
    do(PgStreamCreateOperator, query=QUERY, schedule=None, initialize=False, status="PAUSED")
    table = hook.get(NAME)
    assert (table.schedule, table.is_populated, table.status) == (None, False, "SUSPENDED")


def test_created_table_that_nobody_will_refresh_says_so(
    unserved_orders: Any, unserved_conn_id: str, told: Callable[[], str]
) -> None:
    operator = PgStreamCreateOperator(
        task_id="t", stream_table=NAME, query=QUERY, schedule="1h", postgres_conn_id=unserved_conn_id
    )
    reason = operator.execute({})[NAME]["reason"]
    assert reason == "nothing refreshes it by itself: no scheduler serves this database"
    assert reason in told()


def test_create_takes_one_table_only(orders: Any, do: Any) -> None:
    with pytest.raises(InvalidStreamTable, match="one query makes one stream table"):
        do(PgStreamCreateOperator, ["a", "b"], query=QUERY)


def test_query_may_stand_in_a_file(
    orders: Any, hook: PgStreamHook, pgstream_conn_id: str, tmp_path: Path, run_dag: Callable[..., Any]
) -> None:
    (tmp_path / "totals.sql").write_text(f"{QUERY} having sum(amount) > {{{{ params.least }}}};\n")
    with DAG(
        "create_from_file",
        schedule=None,
        start_date=datetime(2026, 1, 1, tzinfo=UTC),
        template_searchpath=[str(tmp_path)],
        params={"least": 15},
    ) as dag:
        PgStreamCreateOperator(
            task_id="create",
            stream_table=NAME,
            query="totals.sql",
            schedule="1h",
            postgres_conn_id=pgstream_conn_id,
        )
    assert run_dag(dag).state == "success"
    assert hook.get(NAME).query == f"{QUERY} having sum(amount) > 15"
    assert orders.sql("select count(*) from public.order_totals") == 1


def test_alter_changes_what_is_given_and_nothing_else(orders: Any, do: Any, hook: PgStreamHook) -> None:
    hook.create(NAME, QUERY, schedule="1h")
    assert do(PgStreamAlterOperator, schedule="2h")[NAME]["outcome"] == "altered"
    table = hook.get(NAME)
    assert (table.schedule, table.refresh_mode, table.status) == ("2h", "DIFFERENTIAL", "ACTIVE")
    assert do(PgStreamAlterOperator, schedule="2h")[NAME]["outcome"] == "unchanged"
    do(PgStreamAlterOperator, status="paused", refresh_mode="full")
    table = hook.get(NAME)
    assert (table.schedule, table.refresh_mode, table.status) == ("2h", "FULL", "SUSPENDED")


def test_alter_goes_on_after_a_missing_table(orders: Any, do: Any, hook: PgStreamHook) -> None:
    hook.create(NAME, QUERY, schedule="1h")
    with pytest.raises(StreamTableNotFound, match=r"public\.nothing"):
        do(PgStreamAlterOperator, ["public.nothing", NAME], status="PAUSED")
    assert hook.get(NAME).is_paused


def test_alter_refuses_what_it_cannot_do_while_the_dag_is_parsed() -> None:
    with pytest.raises(InvalidStreamTable, match="if_exists='replace'"):
        PgStreamAlterOperator(task_id="t", stream_table=NAME, schedule=None)
    with pytest.raises(InvalidStreamTable, match="nothing to alter"):
        PgStreamAlterOperator(task_id="t", stream_table=NAME)


def test_alter_refuses_unknown_words(orders: Any, do: Any, hook: PgStreamHook) -> None:
    hook.create(NAME, QUERY, schedule="1h")
    for argument, word in (("status", "ASLEEP"), ("refresh_mode", "AUTO"), ("schedule", "bogus")):
        with pytest.raises(InvalidStreamTable, match=word):
            do(PgStreamAlterOperator, **{argument: word})


def test_drop_of_a_list_begins_with_what_reads_the_others(orders: Any, do: Any, hook: PgStreamHook) -> None:
    hook.create(NAME, QUERY, schedule="1h")
    hook.create("public.top", f"select customer_id, total from {NAME}", schedule="1h")
    results = do(PgStreamDropOperator, [NAME, "public.top", "public.nothing"])
    outcomes = {name: result["outcome"] for name, result in results.items()}
    assert outcomes == {"public.top": "dropped", NAME: "dropped", "public.nothing": "skipped"}
    assert hook.list() == ()


def test_drop_refuses_what_is_read_unless_it_may_cascade(orders: Any, do: Any, hook: PgStreamHook) -> None:
    hook.create(NAME, QUERY, schedule="1h")
    orders.sql(f"create view public.big as select customer_id from {NAME}")
    with pytest.raises(DependentObjectsExist, match=r"view public\.big.*cascade=True"):
        do(PgStreamDropOperator)
    with pytest.raises(StreamTableNotFound):
        do(PgStreamDropOperator, "public.nothing", if_exists=False)
    assert "public.big" in do(PgStreamDropOperator, cascade=True)[NAME]["reason"]
    assert orders.sql("select to_regclass('public.big')") is None


def test_created_table_is_an_asset_and_has_lineage(
    orders: Any, pgstream_conn_id: str, run_dag: Callable[..., Any]
) -> None:
    operator = PgStreamCreateOperator(
        task_id="t", stream_table=NAME, query=QUERY, schedule="1h", postgres_conn_id=pgstream_conn_id
    )
    operator.execute({})
    lineage = operator.get_openlineage_facets_on_complete(None)
    assert lineage.inputs[0].name.endswith(".public.orders")
    assert lineage.outputs[0].name.endswith(f".{NAME}")
    assert operator.outlets[0].name == "pgstream:adhoc_airflow.t"


def test_full_table_becomes_differential_by_being_recreated_only(
    orders: Any, do: Any, hook: PgStreamHook
) -> None:
    hook.create(NAME, QUERY, schedule="1h", refresh_mode="FULL")
    with pytest.raises(InvalidStreamTable, match="create it again with refresh_mode='DIFFERENTIAL'"):
        do(PgStreamAlterOperator, refresh_mode="DIFFERENTIAL")
    assert hook.get(NAME).refresh_mode == "FULL"
    made = do(PgStreamCreateOperator, query=QUERY, schedule="1h", if_exists="replace")
    assert made[NAME]["outcome"] == "replaced"
    orders.sql("insert into public.orders values (100, 1, 1000)")
    hook.refresh(NAME)
    hook.refresh(NAME)
    assert hook.verify(NAME).equal
