"""The demo itself, in the environment that :mod:`demo.start` has made ready."""

from __future__ import annotations

import os
import sys
import time
from argparse import Namespace
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from demo import options
from demo.signals import Interrupted, held, listen

if TYPE_CHECKING:
    from airflow_provider_pgstream.emulator import PgStreamServer

ROOT = Path(__file__).resolve().parent.parent
STATE = Path(os.environ.get("PGSTREAM_DEMO_DIR") or ROOT / ".demo").absolute()
MONTHS = (1, 2)


def main() -> int:
    """Run the demo; return the exit code."""
    chosen = options.parse()
    listen()
    try:
        # What takes long to import comes after listen(), so that an early Ctrl-C is met in the same way.
        from demo.database import DemoError

        try:
            show(chosen)
        except DemoError as error:
            print(f"scripts/demo: {error}", file=sys.stderr)
            return 1
    except Interrupted as interrupted:
        print("\nstopped; nothing is left running", flush=True)
        return interrupted.exit_code
    return 0


def show(chosen: Namespace) -> None:
    """Everything between an empty server and the final tables."""
    from demo import database, results
    from demo.airflow import Airflow
    from demo.month import DAG_ID, Month
    from demo.only_one import only_one
    from demo.own_directory import emptied
    from demo.processes import Processes
    from demo.screen import say, tell

    with ExitStack() as stack:
        stack.enter_context(only_one(STATE))
        home = emptied(STATE / "airflow")
        flights = database.make(chosen.dsn or _emulator(stack, chosen.engine), chosen.engine)
        tell(f"database '{database.NAME}' is empty, with {chosen.engine} {results.version(flights)}")
        dags = [ROOT / "dags" / f"{DAG_ID}.py", ROOT / "dags" / "dbt"]
        airflow = Airflow(home, dags, {"flights": flights.airflow_connection()})
        processes = stack.enter_context(Processes())
        tell("making Airflow's own tables")
        airflow.make_metadata(processes)
        tell("starting Airflow")
        airflow.start(processes)
        airflow.wait_for(DAG_ID, processes, lambda name: tell(f"    {name} is up"))
        for number in MONTHS:
            month = Month(airflow, flights, number, tell)
            say()
            tell(f"{month.name}: one run of {DAG_ID}")
            month.run(processes)
            worst = month.result("worst_delays")
        results.show(flights, worst)
        results.what_next(flights, airflow.url if chosen.ui else None, own_server=chosen.dsn is not None)
        if chosen.ui:
            _wait_for_ctrl_c(lambda: airflow.demand_alive(processes))


def _wait_for_ctrl_c(check: Callable[[], None]) -> None:
    try:
        while True:
            check()
            time.sleep(1)
    except Interrupted:
        print("\nstopping everything", flush=True)


def _emulator(stack: ExitStack, engine: str) -> str:
    from airflow_provider_pgstream.emulator import EmulatorError, PgStreamServer
    from demo.database import DemoError
    from demo.screen import tell

    tell(f"starting PostgreSQL 18 with the emulated {engine}")
    server = PgStreamServer(engine=engine, scheduler=False)
    stack.callback(_stop, server)
    with held():
        try:
            server.start()
        except EmulatorError as error:
            raise DemoError(str(error)) from error
    return server.dsn()


def _stop(server: PgStreamServer) -> None:
    with held():
        server.stop()


if __name__ == "__main__":
    sys.exit(main())
