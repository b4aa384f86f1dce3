"""What the operators on the sources of stream tables share: the connection, the table, the hook."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_pgstream.hooks.pgstream import PgStreamHook


class SourceOperator(BaseOperator):
    """
    Base of the operators on the sources of stream tables.

    :param source: the table, ``schema.table`` (templated).
    :param postgres_conn_id: a connection of type ``postgres`` or ``pgstream`` (templated).
    :param hook_params: further arguments of the hook, such as ``database``.
    """

    template_fields: Sequence[str] = ("source", "postgres_conn_id", "hook_params")
    ui_color = "#e3eef8"

    def __init__(
        self,
        *,
        source: str,
        postgres_conn_id: str = "postgres_default",
        hook_params: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.source = source
        self.postgres_conn_id = postgres_conn_id
        self.hook_params = hook_params

    @cached_property
    def hook(self) -> PgStreamHook:
        """The hook that does the work."""
        return PgStreamHook(postgres_conn_id=self.postgres_conn_id, **(self.hook_params or {}))
