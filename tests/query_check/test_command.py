"""``python -m airflow_provider_pgstream.check`` tries a file, or the models of a compiled project."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_pgstream.check import main
from tests.fixtures.engine import ENGINE

SOUND = "select id, amount from public.orders where amount > 1;\n"


def project(path: Path, **models: tuple[str, dict[str, Any]]) -> Path:
    """A project as dbt compile leaves it."""
    nodes = {
        f"model.shop.{name}": {
            "unique_id": f"model.shop.{name}",
            "name": name,
            "schema": "marts",
            "alias": name,
            "config": {"materialized": "stream_table", **config},
            "compiled_code": query,
        }
        for name, (query, config) in models.items()
    }
    (path / "target").mkdir()
    (path / "target" / "manifest.json").write_text(json.dumps({"nodes": nodes}))
    return path


def test_query_of_a_file_is_tried(
    orders: Any, pgstream_dsn: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "query.sql"
    file.write_text(SOUND)
    assert main(["--dsn", pgstream_dsn, "--query", str(file), "--changes", "4"]) == 0
    assert f"stayed right in DIFFERENTIAL mode on {ENGINE.extension}" in capsys.readouterr().out
    assert orders.sql("select verdict from pgstream_check.verdicts") == "right"


def test_query_that_goes_wrong_is_exit_code_1_and_shown(
    orders: Any,
    pgstream_dsn: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from airflow_provider_pgstream._query_check import scratch

    monkeypatch.setattr(scratch, "refresh", lambda *_: (step for step in ()))
    monkeypatch.setattr("sys.stdin", io.StringIO(SOUND))
    assert main(["--dsn", pgstream_dsn, "--query", "-", "--changes", "8", "--no-keep"]) == 1
    out = capsys.readouterr().out
    assert "the query goes wrong" in out
    assert "create table counterexample.orders" in out
    assert orders.sql("select to_regclass('pgstream_check.verdicts')") is None


def test_models_of_a_project_are_tried_and_printed(
    orders: Any, pgstream_dsn: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = project(
        tmp_path,
        kept=(SOUND, {}),
        whole=("select count(*) as n from public.orders", {"refresh_mode": "full"}),
        volatile=("select id, now() as at from public.orders", {}),
        broken=("select id from public.missing", {}),
        plain=("select 1", {"materialized": "view"}),
    )
    assert main(["--dsn", pgstream_dsn, "--dbt-project", str(path), "--changes", "4"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:3] for line in lines] == [
        ["marts.broken", "DIFFERENTIAL", "error"],
        ["marts.kept", "DIFFERENTIAL", "right"],
        ["marts.volatile", "DIFFERENTIAL", "unknown"],
        ["marts.whole", "FULL", "right"],
    ]
    assert "public.missing" in lines[0]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--query", "/nowhere.sql"], "/nowhere.sql cannot be read"),
        (["--dbt-project", "/nowhere"], "manifest.json cannot be read"),
        (["--query", "-", "--changes", "0"], "changes=0"),
    ],
)
def test_what_cannot_be_used_is_exit_code_2(
    orders: Any,
    pgstream_dsn: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    said: str,
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(SOUND))
    assert main(["--dsn", pgstream_dsn, *arguments]) == 2
    assert said in capsys.readouterr().err


def test_no_server_is_exit_code_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(SOUND))
    assert main(["--dsn", "postgresql://nobody:secret@127.0.0.1:1/x", "--query", "-"]) == 2
    said = capsys.readouterr().err
    assert "cannot connect to database 'x' at 127.0.0.1:1" in said
    assert "secret" not in said
