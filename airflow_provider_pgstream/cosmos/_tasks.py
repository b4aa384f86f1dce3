"""The tasks of a gate: the provider's operator and sensors, on the stream table that a model's run made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_pgstream.cosmos._relation import MODEL_KEY
from airflow_provider_pgstream.exceptions import PgStreamError
from airflow_provider_pgstream.operators import PgStreamRefreshOperator
from airflow_provider_pgstream.sensors import PgStreamFreshnessSensor, PgStreamPopulatedSensor

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_pgstream.hooks.pgstream import PgStreamHook
    from airflow_provider_pgstream.models import StreamTable

UNKNOWN = ("", "None")
"""What a template makes of an XCom that is not there."""


class StreamTableUnknown(PgStreamError):
    """A gate cannot know which stream table a model has made."""


def require_known(stream_table: Any, run_task_id: str, model: str) -> None:
    """
    Refuse a stream table that is not known.

    :raises StreamTableUnknown: with the way out.
    """
    if stream_table in UNKNOWN:
        raise StreamTableUnknown(
            f"task {run_task_id} did not tell which stream table {model} is: it was marked as "
            "successful by hand, or dbt wrote no target/manifest.json (--no-write-json, or another "
            f"target-path). Clear both tasks, or set meta.pgstream.stream_table of {model}"
        )


class _OfAModel:
    """A task behind a model's run task, whose stream table that run has named."""

    run_task_id: str
    model: str
    stream_table: Any

    # Airflow 2 lets nobody but an operator's own class define execute().
    def pre_execute(self, context: Any) -> None:
        """Refuse to work on a stream table that is not known."""
        require_known(self.stream_table, self.run_task_id, self.model)
        super().pre_execute(context)  # type: ignore[misc]


class GateRefresh(_OfAModel, PgStreamRefreshOperator):
    """Refreshes a model's stream table before anything reads it; the asset is left to the last task."""

    _emits = False

    def _done(self, context: Context, results: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:  # noqa: ARG002
        return super()._done({}, results)


class ConsistentRefresh(PgStreamRefreshOperator):
    """Refreshes the stream tables of a whole graph as of one moment, and emits the assets of all."""

    stream_table: Sequence[str]
    run_tasks: Mapping[str, str]
    """The model that each run task has run, in the order of the stream tables."""

    def pre_execute(self, context: Any) -> None:
        """Refuse to work on a stream table that is not known."""
        for stream_table, (run_task_id, model) in zip(self.stream_table, self.run_tasks.items(), strict=True):
            require_known(stream_table, run_task_id, model)
        super().pre_execute(context)

    def _emit(self, context: Context, results: Mapping[str, Mapping[str, Any]]) -> None:
        """Emit the assets of the stream tables, and of the models' views where those lie elsewhere."""
        pulled = [context["ti"].xcom_pull(task_ids=run, key=MODEL_KEY) for run in self.run_tasks]
        names = zip(self.stream_table, pulled, strict=True)
        views = {model: results[name] for name, model in names if model and model != name and name in results}
        super()._emit(context, {**results, **views})


class _Gate(_OfAModel):
    """The last task of a gate."""

    refresh: str
    hook: PgStreamHook
    log: Any

    def emit(self, context: Context, result: dict[str, Any]) -> None:
        """Emit the asset of the stream table, and of the model's view if that lies elsewhere."""
        model = context["ti"].xcom_pull(task_ids=self.run_task_id, key=MODEL_KEY)
        for seen in list(result.values()) if model and model not in result else ():
            result = {**result, model: seen}
        super().emit(context, result)  # type: ignore[misc]

    def _succeed(self, context: Context, warning: str, result: dict[str, Any]) -> None:
        super()._succeed(context, warning, result)  # type: ignore[misc]
        if self.refresh == "auto":
            self._say_what_is_not_kept(self.hook.get(self.stream_table))

    def _say_what_is_not_kept(self, table: StreamTable) -> None:
        if table.schedule is not None and not table.scheduler_serves:
            self.log.warning(
                "Stream table %s has the schedule %r, but no scheduler serves this database: its rows stay "
                'as they are until somebody refreshes it. Set refresh="always" of the gate, or '
                'meta.pgstream.refresh of %s, to refresh it in every run; or refresh="never", to leave it to '
                "somebody else",
                table.name,
                table.schedule,
                self.model,
            )


class PopulatedGate(_Gate, PgStreamPopulatedSensor):
    """Waits until a model's stream table is populated."""


class FreshGate(_Gate, PgStreamFreshnessSensor):
    """Waits until a model's stream table holds data of this run."""
