"""Refreshing stream tables from a DAG."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from airflow.providers.common.compat.sdk import Context, conf

from airflow_provider_pgstream._arguments import boolean, is_template, one_of, parameters_of, takes
from airflow_provider_pgstream._stream_tables.options import RefreshOptions
from airflow_provider_pgstream._stream_tables.plan import RefreshPlan
from airflow_provider_pgstream.exceptions import InvalidStreamTable
from airflow_provider_pgstream.operators._deferrable import DeferrableOperator

_DEFAULTS = asdict(RefreshOptions())
# `dry_run` is a method of every operator, which `airflow tasks test --dry-run` calls.
_ATTRIBUTES = {option: "is_dry_run" if option == "dry_run" else option for option in _DEFAULTS}

ON_ERROR = ("fail", "report")


class PgStreamRefreshOperator(DeferrableOperator):
    """
    Refresh stream tables safely, one transaction each, in dependency order.

    Each refresh keeps writers of the table's sources out for a moment, in which it takes a snapshot and the
    WAL position that belongs to it; without that the engine loses rows. When one fails, those that
    read it are left out, the others go on, and the task fails at the end naming all that did.

    Returns ``{"schema.table": {"outcome": "refreshed", …}}``.

    :param stream_table: ``schema.table``, or ``table`` in the session's ``current_schema()``, or a list
        (templated).
    :param schema: instead of ``stream_table``: all stream tables of a schema (templated).
    :param pattern: instead of ``stream_table``: all whose ``schema.table`` matches, such as
        ``"mart.*_daily"`` (templated).
    :param on_error: when some failed: ``fail`` the task, or ``report`` them in its result, so that the assets
        of those that were refreshed are emitted, as Airflow does for a task that succeeds only. The task
        fails where none was refreshed.
    :param deferrable: run it in the triggerer.
    """

    __doc__ = f"{__doc__}{parameters_of(RefreshOptions)}\n"
    template_fields: Sequence[str] = (
        *DeferrableOperator.template_fields,
        "schema",
        "pattern",
        *_ATTRIBUTES.values(),
    )
    _emits = True

    @takes(RefreshOptions)
    def __init__(
        self,
        *,
        stream_table: str | Iterable[str] | None = None,
        schema: str | None = None,
        pattern: str | None = None,
        on_error: str = "fail",
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        **kwargs: Any,
    ) -> None:
        given = {name: kwargs.pop(name) for name in _DEFAULTS if name in kwargs}
        if len([which for which in (stream_table, schema, pattern) if which is not None]) != 1:
            raise InvalidStreamTable("PgStreamRefreshOperator needs one of stream_table, schema and pattern")
        super().__init__(stream_table=stream_table, **kwargs)
        self.schema = schema
        self.pattern = pattern
        self.on_error = one_of("on_error", on_error, ON_ERROR)
        self.deferrable = boolean("deferrable", deferrable)
        # What is no template is refused while the DAG is parsed.
        RefreshOptions(**{name: value for name, value in given.items() if not is_template(value)})
        for name, attribute in _ATTRIBUTES.items():
            setattr(self, attribute, given.get(name, _DEFAULTS[name]))

    def execute(self, context: Context) -> dict[str, Any]:
        """Refresh here, or hand the work to the triggerer."""
        plan = self._plan()
        if self.deferrable:
            from airflow_provider_pgstream.triggers.refresh import PgStreamRefreshOperationTrigger

            self._hand_over(PgStreamRefreshOperationTrigger, plan.to_json())
        report = self.hook.refresh_all(plan)
        return self._end(context, report.to_json(), report.raise_errors)

    def _end(
        self, context: Context, results: Mapping[str, Mapping[str, Any]], raise_errors: Callable[[], None]
    ) -> dict[str, Any]:
        done = self._done(context, results)
        if self.on_error == "fail" or not self._fresh:
            raise_errors()
        return done

    def _plan(self) -> RefreshPlan:
        options = {name: getattr(self, attribute) for name, attribute in _ATTRIBUTES.items()}
        names = [] if self.stream_table is None else self._names()
        return RefreshPlan(names, schema=self.schema, pattern=self.pattern, **options)
