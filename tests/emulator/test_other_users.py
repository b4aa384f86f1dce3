"""The emulator on a machine with other users: what each of them would try."""

from __future__ import annotations

import os
import pwd
import signal
import stat
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import psycopg
import pytest

from airflow_provider_pgstream.emulator import EmulatorError, PgStreamServer
from airflow_provider_pgstream.emulator._binaries import find_binaries
from airflow_provider_pgstream.emulator._cluster import Cluster
from airflow_provider_pgstream.emulator._directory import hold
from airflow_provider_pgstream.emulator._dresses import dress_of
from airflow_provider_pgstream.emulator._os_user import OsUser, server_user

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root is another user than PostgreSQL's")
STRANGER = pwd.getpwnam("daemon")


def stranger(command: str) -> subprocess.CompletedProcess[str]:
    """Run a shell command as another user of the machine."""
    return subprocess.run(
        ["sh", "-c", command],
        check=False,
        capture_output=True,
        text=True,
        cwd="/",
        user=STRANGER.pw_uid,
        group=STRANGER.pw_gid,
        extra_groups=[],
    )


def quiet(directory: Path | None = None, **options: object) -> PgStreamServer:
    return PgStreamServer(data_dir=directory, scheduler=False, **options)


@as_root
def test_postgresql_does_not_run_as_the_owner_of_a_database_hosts_data(run_emulator):
    emulator = run_emulator("--no-scheduler")
    assert emulator.postmaster.username() == server_user().name != "postgres"


@as_root
def test_an_account_of_its_own_is_taken_before_nobody(monkeypatch):
    accounts = {"pgstream-emulator": STRANGER, "nobody": pwd.getpwnam("nobody"), "postgres": STRANGER}
    monkeypatch.setattr(pwd, "getpwnam", accounts.__getitem__)
    assert server_user() == OsUser("pgstream-emulator", STRANGER.pw_uid, STRANGER.pw_gid)
    del accounts["pgstream-emulator"]
    assert server_user().name == "nobody"
    del accounts["nobody"]
    with pytest.raises(EmulatorError, match="useradd --system pgstream-emulator"):
        server_user()


def test_whoever_does_not_know_the_random_password_is_kept_out(run_emulator):
    emulator = run_emulator()
    place = urlsplit(emulator.dsn)
    assert len(place.password) >= 32
    for guess in ("", ":postgres", f":{place.password}x"):
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(f"postgresql://postgres{guess}@127.0.0.1:{place.port}/postgres")
    assert place.password != urlsplit(run_emulator("--no-scheduler").dsn).password


def test_no_process_shows_the_password(run_emulator):
    emulator = run_emulator("--engine", "pg_trickle")
    password = urlsplit(emulator.dsn).password
    with psycopg.connect(emulator.dsn):
        family = psutil.Process(emulator.process.pid).children(recursive=True)
        shown = [" ".join(process.cmdline()) for process in family]
    assert any("_scheduler" in line for line in shown)
    assert any("postgres: postgres postgres" in line for line in shown)
    assert not [line for line in shown if password in line]


@as_root
def test_another_user_reads_nothing_of_a_kept_directory(open_dir):
    with quiet(open_dir / "kept") as server:
        kept = server.log_dir
        for name in ("password", "postgres/PG_VERSION", "postgresql.conf", "pg_hba.conf", "server.log"):
            assert (kept / name).exists()
            assert "Permission denied" in stranger(f"cat '{kept / name}'").stderr
        assert "Permission denied" in stranger(f"touch '{kept}/mine'").stderr


def test_a_kept_directory_keeps_its_password_and_asks_for_it(open_dir):
    kept = open_dir / "kept"
    with quiet(kept, password="first") as server:
        assert server.password == "first"
    with quiet(kept) as again:
        assert urlsplit(again.dsn()).password == "first"
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(f"postgresql://postgres@127.0.0.1:{again.port}/postgres")
        with psycopg.connect(again.dsn(), autocommit=True) as session:
            session.execute("alter role postgres password 'second'")
    with pytest.raises(EmulatorError, match="give the right one with --password-file"):
        quiet(kept).start()
    (kept / "password").unlink()  # as an earlier version has it
    with pytest.raises(EmulatorError, match=r"has no file 'password'.*--password-file"):
        quiet(kept).start()
    with quiet(kept, password="second"):
        pass
    with quiet(kept) as last:
        assert urlsplit(last.dsn()).password == "second"


def test_a_kept_directory_keeps_its_authentication_method(open_dir):
    kept = open_dir / "kept"
    with quiet(kept):
        pass
    rule = "host all postgres 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 reject\n"
    (kept / "pg_hba.conf").write_text(rule)
    with quiet(kept) as server:
        with psycopg.connect(server.dsn(), autocommit=True) as session:
            session.execute("create role reader login password 'x'")
        with pytest.raises(psycopg.OperationalError, match="rejects connection"):
            psycopg.connect(f"postgresql://reader:x@127.0.0.1:{server.port}/postgres")
    assert (kept / "pg_hba.conf").read_text() == rule


def test_the_password_can_be_given_in_a_file(run_emulator, fail_emulator, tmp_path):
    file = tmp_path / "password"
    file.write_text("s3cret/@\n")
    emulator = run_emulator("--no-scheduler", "--password-file", str(file))
    assert "s3cret%2F%40@" in emulator.ready
    psycopg.connect(emulator.dsn).close()
    file.write_text("\n")
    assert "at least one character" in fail_emulator("--password-file", str(file))
    assert "cannot be read" in fail_emulator("--password-file", str(tmp_path / "none"))


def test_other_terminals_have_the_server_from_a_file_that_is_theirs_alone(run_emulator, tmp_path):
    file = tmp_path / "emulator.env"
    victim = tmp_path / "victim"
    victim.write_text("irreplaceable")
    file.symlink_to(victim)
    emulator = run_emulator("--no-scheduler", "--env-file", str(file))
    assert stat.S_IMODE(file.lstat().st_mode) == 0o600
    psql = find_binaries().bin_dir / "psql"
    query = f"'{psql}' -XAtc 'select current_user, current_database()'"
    script = f". '{file}'; {query}; echo $AIRFLOW_CONN_POSTGRES_DEFAULT"
    done = subprocess.run(["sh", "-c", script], check=True, capture_output=True, text=True)
    assert done.stdout.split() == [
        "postgres|postgres",
        emulator.ready.partition("AIRFLOW_CONN_POSTGRES_DEFAULT=")[2],
    ]
    emulator.end(signal.SIGINT)
    assert not file.exists()
    assert victim.read_text() == "irreplaceable"


def test_a_link_in_the_place_of_the_directory_is_refused(open_dir, fail_emulator):
    (open_dir / "empty").mkdir()
    (open_dir / "kept").symlink_to(open_dir / "empty")
    assert "is a symbolic link" in fail_emulator("--data-dir", str(open_dir / "kept"))
    assert list((open_dir / "empty").iterdir()) == []


@as_root
@pytest.mark.parametrize("leads", ["their directory", "their link", "a directory for all"])
def test_a_name_that_another_user_has_taken_is_refused(open_dir, fail_emulator, leads):
    shared = open_dir / "shared"
    shared.mkdir()
    shared.chmod(0o777 if leads == "a directory for all" else 0o1777)
    (open_dir / "etc").mkdir()
    if leads == "their directory":
        assert stranger(f"mkdir '{shared}/kept'").returncode == 0
        said = fail_emulator("--data-dir", str(shared / "kept"))
        assert f"belongs to user {STRANGER.pw_name}" in said
    elif leads == "their link":
        assert stranger(f"ln -s '{open_dir}/etc' '{shared}/way'").returncode == 0
        said = fail_emulator("--data-dir", str(shared / "way" / "kept"))
        assert f"user {STRANGER.pw_name}, to whom {shared / 'way'} belongs" in said
    else:
        said = fail_emulator("--data-dir", str(shared / "kept"))
        assert f"{shared} is writable for all" in said
    assert list((open_dir / "etc").iterdir()) == []
    assert [entry.name for entry in shared.rglob("*") if entry.name == "postgres"] == []


@as_root
def test_links_that_the_servers_user_leaves_are_not_followed(open_dir, fail_emulator):
    """Whoever is superuser of the server can make PostgreSQL's user write in ``postgres/``."""
    kept = open_dir / "kept"
    with quiet(kept):
        user = server_user()
    victim = open_dir / "victim"
    victim.write_text("root's own")
    victim.chmod(0o600)
    planted = [kept / "postgres" / name for name in ("postgresql.conf", "pg_hba.conf", "postmaster.pid")]
    script = "".join(f"rm -f '{path}'; ln -s '{victim}' '{path}'; " for path in planted)
    subprocess.run(["sh", "-c", script], check=True, cwd="/", **user.popen_arguments())
    with pytest.raises(EmulatorError, match="did not start"):  # of its own postmaster.pid
        quiet(kept).start()
    assert (victim.read_text(), victim.lstat().st_uid) == ("root's own", 0)
    planted[-1].unlink()
    with quiet(kept):
        pass
    assert (victim.read_text(), victim.lstat().st_uid) == ("root's own", 0)
    version = kept / "postgres" / "PG_VERSION"
    version.unlink()
    version.symlink_to(victim)
    said = fail_emulator("--data-dir", str(kept))
    assert "cannot be read" in said
    assert "root's own" not in said


@as_root
def test_data_of_another_account_is_refused_with_the_command_that_gives_it(open_dir):
    kept = open_dir / "kept"
    with quiet(kept):
        pass
    os.chown(kept / "postgres", STRANGER.pw_uid, STRANGER.pw_gid)
    with pytest.raises(EmulatorError, match=f"chown -R {server_user().name} {kept}/postgres"):
        quiet(kept).start()


@pytest.mark.parametrize("step", ["making", "creating"])
def test_a_start_that_was_killed_leaves_a_directory_that_starts(open_dir, eventually, step):
    kept = open_dir / "kept"
    command = [sys.executable, "-m", "airflow_provider_pgstream.emulator", "--data-dir", str(kept)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while f"] {step} " not in process.stderr.readline():
        assert process.poll() is None
    family = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.communicate()
    psutil.wait_procs(family, timeout=20)
    eventually(lambda: not in_use(kept), "end of initdb, which holds the directory")
    with quiet(kept) as server, psycopg.connect(server.dsn()) as session:
        query = "select count(*) from pg_extension where extname = 'pg_stream'"
        assert session.execute(query).fetchone() == (1,)


def in_use(directory: Path) -> bool:
    try:
        os.close(hold(directory))
    except EmulatorError:
        return True
    return False


def test_what_an_interrupted_start_leaves_starts(open_dir):
    kept = open_dir / "kept"
    (kept / "postgres.partial").mkdir(parents=True)
    (kept / "postgres.partial" / "PG_VERSION").write_text("18\n")
    (kept / "password.partial").write_text("half")
    with quiet(kept) as server, psycopg.connect(server.dsn()) as session:
        assert session.execute("select 1").fetchone() == (1,)
    assert sorted(path.name for path in kept.glob("*.partial")) == []


@as_root
def test_a_tight_umask_leaves_the_servers_user_what_it_reads(open_dir):
    before = os.umask(0o077)
    try:
        with quiet(open_dir / "kept") as server, psycopg.connect(server.dsn()) as session:
            assert session.execute("select 1").fetchone() == (1,)
    finally:
        os.umask(before)


def test_two_starts_at_once_do_not_share_a_directory(open_dir):
    cluster = Cluster(open_dir / "kept", server_user(), dress_of("pg_stream"))
    with pytest.raises(EmulatorError, match="in use by another emulator"):
        Cluster(open_dir / "kept", server_user(), dress_of("pg_stream"))
    cluster.leave()
    Cluster(open_dir / "kept", server_user(), dress_of("pg_stream")).leave()
