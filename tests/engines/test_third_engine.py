"""A third engine: one Python file, and one macro file for its hints, are all that it needs."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from airflow_provider_pgstream import _compat
from airflow_provider_pgstream._engines import hints, known
from airflow_provider_pgstream._stream_tables import conditions
from airflow_provider_pgstream._stream_tables.conditions import Populated
from airflow_provider_pgstream.emulator import PgStreamServer
from airflow_provider_pgstream.emulator._dresses import DRESSES
from airflow_provider_pgstream.emulator._extension_files import script_of
from airflow_provider_pgstream.exceptions import (
    CaptureBroken,
    InvalidStreamTable,
    RefreshInProgress,
    StreamTableExists,
    StreamTableNotFound,
    StreamTableSuspended,
    UnsupportedQuery,
)
from airflow_provider_pgstream.hooks.pgstream import PgStreamHook
from airflow_provider_pgstream.operators import (
    PgStreamAlterOperator,
    PgStreamCreateOperator,
    PgStreamDropOperator,
    PgStreamRefreshOperator,
    PgStreamVerifyOperator,
)
from airflow_provider_pgstream.sensors import PgStreamCdcHealthSensor, PgStreamPopulatedSensor
from airflow_provider_pgstream.triggers import (
    CaptureTrigger,
    PgStreamRefreshOperationTrigger,
    PgStreamRefreshTrigger,
    StreamTableTrigger,
)
from tests.fixtures.orders import NAME, QUERY, Orders
from tests.triggers.firing import eventually, fired

TIDE = Path(__file__).with_name("tide")
DATABASE = CONN_ID = "tide"
# The emulator's own SQL under other names, and in other words; the order counts.
NAMES = {"pgstream_changes": "tide_changes", "pg_stream": "tide", "pgstream": "tide_api"}
NAMES |= {"pgs_": "td_", "PGS_": "TD_"}
WORDS = {
    "another refresh is already in progress": "somebody else moves it",
    "is suspended": "lies still",
    "stream table not found": "no such tide",
    "stream table already exists": "the tide is there",
    "unsupported operator for DIFFERENTIAL mode: ": "not for tides: ",
    "query parse error: ": "not for tides: ",
    "invalid argument: ": "wrong word: ",
    "refreshed (FULL)": "moved by FULL.",
    "refreshed (DIFFERENTIAL: +% -%)": "moved by DIFFERENTIAL: +% -%.",
}


def as_tide(text: str) -> str:
    for ours, theirs in {**NAMES, **WORDS}.items():
        text = text.replace(ours, theirs)
    return text


@pytest.fixture(scope="module")
def server() -> Iterator[PgStreamServer]:
    """A server with a second extension beside the emulator's, and a database that has it alone."""
    dress = DRESSES["pg_stream"]
    script = script_of(dress)
    settings = {as_tide(name): value for name, value in dress.named_settings().items()}
    assert [words for words in WORDS if words not in script] == [], "the emulator says something else now"
    with PgStreamServer(scheduler=False, settings=settings) as server:
        directory = server.log_dir / "share" / "extension"
        (directory / "tide.control").write_text(
            "default_version = '7'\nrelocatable = false\nsuperuser = true\n"
        )
        (directory / "tide--7.sql").write_text(as_tide(script))
        with psycopg.connect(server.dsn("template1"), autocommit=True) as connection:
            connection.execute(f"create database {DATABASE}")
        with psycopg.connect(server.dsn(DATABASE), autocommit=True) as connection:
            connection.execute("create extension tide")
            connection.execute("alter database tide set tide.min_schedule_seconds = 1")
        yield server


@pytest.fixture
def module_of_tide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The two files where a contributor would put them."""
    for name in ("tide.py", "tide.sql"):
        (tmp_path / name).write_text((TIDE / name).read_text())
    monkeypatch.setattr(known, "__path__", [*known.__path__, str(tmp_path)])
    monkeypatch.setattr(hints, "_MACROS", tmp_path)
    monkeypatch.delitem(sys.modules, f"{known.__name__}.tide", raising=False)
    known.engines.cache_clear()
    yield
    known.engines.cache_clear()


@pytest.fixture
def tide(server: PgStreamServer, module_of_tide: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Orders]:
    """The database of the third engine, with orders; emptied behind the test."""
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONN_ID.upper()}", server.airflow_uri(DATABASE))
    with psycopg.connect(server.dsn(DATABASE), autocommit=True) as connection:
        yield Orders(connection)
        PgStreamHook(postgres_conn_id=CONN_ID).drop(NAME, cascade=True)
        connection.execute("drop table if exists public.orders cascade")


@pytest.fixture
def hook(tide: Orders) -> PgStreamHook:
    return PgStreamHook(postgres_conn_id=CONN_ID)


@pytest.fixture
def scheduler(server: PgStreamServer) -> Iterator[None]:
    """Something that looks like the engine's scheduler."""
    with psycopg.connect(server.dsn(DATABASE), application_name="tide scheduler"):
        yield


def do(operator: type[Any], stream_table: Any = NAME, **kwargs: Any) -> Any:
    task = operator(task_id="t", stream_table=stream_table, postgres_conn_id=CONN_ID, **kwargs)
    return task.execute({})


def test_operators_work_from_create_to_drop(tide: Orders) -> None:
    assert do(PgStreamCreateOperator, query=QUERY, schedule="1h")[NAME]["outcome"] == "created"
    tide.sql("insert into public.orders values (3, 3, 30)")
    do(PgStreamRefreshOperator)
    tide.sql("insert into public.orders values (4, 4, 40)")
    result = do(PgStreamRefreshOperator)[NAME]
    assert (result["action"], result["rows_inserted"]) == ("DIFFERENTIAL", 1)
    assert do(PgStreamVerifyOperator)[NAME]["outcome"] == "verified"
    tide.sql(f"update {NAME} set total = 99 where customer_id = 1")
    assert do(PgStreamVerifyOperator, on_difference="repair")[NAME]["outcome"] == "repaired"
    assert do(PgStreamAlterOperator, schedule="2h")[NAME]["outcome"] == "altered"
    assert do(PgStreamDropOperator)[NAME]["outcome"] == "dropped"
    assert tide.sql(f"select to_regclass('{NAME}')") is None


def test_hook_reads_what_the_engine_has(tide: Orders, hook: PgStreamHook, scheduler: None) -> None:
    hook.create(NAME, QUERY, schedule=None)
    hook.refresh(NAME)
    table = hook.get(NAME)
    assert table.unattended_because == "it is moved by hand only"
    assert [source.name for source in table.sources] == ["public.orders"]
    assert hook.history(NAME) == ()
    assert hook.explain(NAME)["refresh_mode"] == "DIFFERENTIAL"
    assert hook.cdc_health(NAME)[0].capture == "ok"
    assert list(hook.trim()) == [f"tide_changes.changes_{table.sources[0].oid}"]
    assert hook.diagnose().findings == ()
    assert hook.test_connection() == (True, hook.status().sentence)
    assert hook.status().sentence.startswith("tide 7 on PostgreSQL 18")
    assert "a scheduler serves database 'tide'" in hook.status().sentence


def test_diagnosis_and_health_sensor_miss_the_engines_own_scheduler_and_triggers(
    tide: Orders, hook: PgStreamHook
) -> None:
    hook.create(NAME, QUERY, schedule="1h")
    assert "no scheduler is running" in hook.diagnose().findings[0]
    tide.sql("alter table public.orders disable trigger user")
    with pytest.raises(CaptureBroken, match="change trigger is disabled"):
        PgStreamCdcHealthSensor(task_id="t", postgres_conn_id=CONN_ID).execute({})


def test_errors_are_told_from_the_engines_own_words(tide: Orders, hook: PgStreamHook) -> None:
    with pytest.raises(UnsupportedQuery, match=r"LIMIT.*The tide has no limit"):
        hook.create(NAME, f"{QUERY} limit 1", schedule="1h")
    with pytest.raises(InvalidStreamTable, match="duration"):
        hook.create(NAME, QUERY, schedule="5x")
    hook.create(NAME, QUERY, schedule="1h")
    with pytest.raises(StreamTableExists):
        hook.create(NAME, QUERY, schedule="1h")
    with psycopg.connect(tide.connection.info.dsn, autocommit=True) as other:
        other.execute("select pg_advisory_lock(td_id) from tide_api.td_stream_tables")
        with pytest.raises(RefreshInProgress):
            hook.refresh(NAME)
    hook.pause(NAME)
    with pytest.raises(StreamTableSuspended, match=r"tide_api\.alter_stream_table"):
        hook.refresh(NAME)
    with pytest.raises(StreamTableNotFound):
        hook.get("public.nothing")


async def test_sensors_and_triggers_wait_and_refresh(tide: Orders, hook: PgStreamHook) -> None:
    hook.create(NAME, QUERY, schedule=None, initialize=False)
    sensor = PgStreamPopulatedSensor(
        task_id="t", stream_table=NAME, postgres_conn_id=CONN_ID, on_unattended="wait"
    )
    assert not sensor.poke({})
    trigger = StreamTableTrigger(
        [NAME], conditions.to_json(Populated("wait")), postgres_conn_id=CONN_ID, poll_interval=0.1
    )
    waiting = asyncio.create_task(fired(trigger))
    event = await fired(PgStreamRefreshOperationTrigger({"stream_tables": [NAME]}, CONN_ID))
    assert event["results"][NAME]["outcome"] == "refreshed"
    assert (await waiting)["results"][NAME]["is_populated"] is True
    assert sensor.poke({})
    event = await fired(CaptureTrigger([NAME], postgres_conn_id=CONN_ID))
    assert "no scheduler is running" in event["errors"][0]["message"]


@pytest.mark.skipif(not _compat.AIRFLOW_3, reason="Airflow 2 has no asset watchers")
async def test_watcher_hears_the_engine_and_sees_its_marks(tide: Orders, hook: PgStreamHook) -> None:
    hook.create(NAME, QUERY, schedule=None)
    watching = PgStreamRefreshTrigger(NAME, CONN_ID, poll_interval=3600).run()
    event = asyncio.create_task(anext(watching))
    listening = (
        "select count(*) from pg_stat_activity where query like '%td_refresh_history%' and state = 'idle'"
    )
    await eventually(lambda: tide.sql(listening))
    hook.refresh(NAME)
    tide.sql("notify tide_alert")
    assert (await event).payload["stream_table"] == NAME
    await watching.aclose()


def test_nothing_of_the_first_engine_is_sent_to_the_third(server: PgStreamServer, hook: PgStreamHook) -> None:
    """What names a thing fails there anyway; what compares texts would find nothing without a word."""
    with psycopg.connect(server.dsn("template1"), autocommit=True) as connection:
        connection.execute("alter database tide set log_statement = 'all'")
    log = server.log_dir / "server.log"
    before = log.stat().st_size
    hook.create(NAME, QUERY, schedule="1h")
    hook.refresh(NAME, full=True)
    hook.observe()
    hook.diagnose()
    lines = log.read_bytes()[before:].decode().replace("airflow-provider-pgstream", "").splitlines()
    sent = "\n".join(line for line in lines if "arameters: " not in line and "pg_extension" not in line)
    assert "tide_api.refresh_stream_table" in sent
    assert re.findall(r"pg_?stream\b|__pgs_|\bpgs_(?!id\b)\w+", sent) == []
