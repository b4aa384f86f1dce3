"""Cosmos' own classes, with gates: they take what those take, and what `gate_stream_tables` takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cosmos import DbtDag, DbtTaskGroup

from airflow_provider_pgstream.cosmos._gates import gate_stream_tables
from airflow_provider_pgstream.cosmos._preparation import Preparation


class _Gated:
    """
    Renders as Cosmos does, and gates what was rendered.

    Where an Airflow task would come too late (``ExecutionMode.WATCHER``, ``TestBehavior.BUILD``), dbt itself
    refreshes and waits, told by variables. The environment variable ``PGSTREAM_DBT_PACKAGE`` leads dbt to the
    package that this provider ships, while the project is parsed and while it runs.

    :param refresh: see :func:`gate_stream_tables`.
    :param wait_for: see :func:`gate_stream_tables`; where dbt waits, ``"populated"`` only.
    :param consistent: see :func:`gate_stream_tables`; where dbt waits, it cannot be had: dbt has one session.
    :param postgres_conn_id: see :func:`gate_stream_tables`; dbt itself uses its profile.
    :param sensor_args: see :func:`gate_stream_tables`; where dbt waits, ``timeout`` only.
    :param refresh_args: see :func:`gate_stream_tables`; where dbt waits, none.
    :raises ValueError: if downstream models could not be held up, saying what to do instead.
    """

    def __init__(
        self,
        *args: Any,
        refresh: str = "auto",
        wait_for: str = "populated",
        consistent: bool = False,
        postgres_conn_id: str | None = None,
        sensor_args: Mapping[str, Any] | None = None,
        refresh_args: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        prepared = Preparation(kwargs)
        if not prepared.inside_dbt:
            super().__init__(*args, **prepared.arguments())
            gate_stream_tables(
                self,
                refresh=refresh,
                wait_for=wait_for,
                consistent=consistent,
                postgres_conn_id=postgres_conn_id,
                sensor_args=sensor_args,
                refresh_args=refresh_args,
            )
            return
        if consistent:
            raise ValueError(
                "consistent=True needs a session for each stream table, and here dbt refreshes them in the "
                "one that it has: use ExecutionMode.LOCAL without TestBehavior.BUILD, or a "
                "PgStreamRefreshOperator(stream_table=[…], consistent=True) behind the group"
            )
        variables = prepared.variables(refresh, wait_for, sensor_args or {}, refresh_args or {})
        super().__init__(*args, **prepared.arguments(variables))
        prepared.check(self)


class PgStreamDbtDag(_Gated, DbtDag):  # type: ignore[misc]
    __doc__ = _Gated.__doc__


class PgStreamDbtTaskGroup(_Gated, DbtTaskGroup):  # type: ignore[misc]
    __doc__ = _Gated.__doc__
