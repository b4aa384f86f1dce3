"""What psycopg is given for an Airflow connection."""

from __future__ import annotations

from typing import Any

from airflow_provider_pgstream._engines.connections import Target, target


def make(**kwargs: Any) -> Target:
    fields: dict[str, Any] = {
        "host": "db1",
        "port": 5432,
        "login": "me",
        "password": "s3cret",
        "database": "x",
    }
    return target("c", **{**fields, **kwargs})


def test_libpq_options_are_kept_and_airflows_own_left_out() -> None:
    made = make(extra={"sslmode": "require", "keepalives_idle": 30, "cursor": "dictcursor", "engine": "x"})
    assert made.arguments["sslmode"] == "require"
    assert made.arguments["keepalives_idle"] == 30
    assert not {"cursor", "engine"} & made.arguments.keys()


def test_waiting_for_a_server_ends_unless_told_otherwise() -> None:
    assert make().arguments["connect_timeout"] == 10
    assert make(extra={"connect_timeout": 3}).arguments["connect_timeout"] == 3


def test_options_of_the_hook_beat_those_of_the_connection() -> None:
    assert make(extra={"options": "-c a=1"}, options="-c b=2").arguments["options"] == "-c b=2"


def test_place_is_spoken_without_the_password() -> None:
    made = make(host=None, port=None)
    assert str(made.place) == "database 'x' at localhost:5432 (connection 'c')"
    assert "s3cret" not in repr(made)


def test_missing_fields_are_left_to_libpq() -> None:
    arguments = make(login=None, password=None, database=None).arguments
    assert not {"user", "password", "dbname"} & arguments.keys()
