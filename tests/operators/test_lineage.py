"""OpenLineage and the asset name the same database, also where the connection names none."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_pgstream.assets import asset_of
from airflow_provider_pgstream.operators import PgStreamRefreshOperator

NAME = "public.order_totals"


@pytest.mark.parametrize("named", [True, False])
def test_lineage_and_asset_of_a_refreshed_table_agree(
    orders: Any, pgstream_dsn: str, monkeypatch: pytest.MonkeyPatch, named: bool
) -> None:
    orders.create(NAME)
    # The login's own database, which has its name.
    uri = pgstream_dsn if named else pgstream_dsn.removesuffix("/postgres") + "/"
    monkeypatch.setenv("AIRFLOW_CONN_SHOP", uri.replace("postgresql://", "postgres://"))
    operator = PgStreamRefreshOperator(task_id="refresh", stream_table=NAME, postgres_conn_id="shop")
    operator.execute({})
    lineage = operator.get_openlineage_facets_on_complete(None)
    (output,) = lineage.outputs
    asset = asset_of(NAME, operator.hook.target.place)
    assert f"{output.namespace}/{output.name.replace('.', '/')}" == asset.uri
    assert output.name == f"postgres.{NAME}"
    assert lineage.inputs[0].name == "postgres.public.orders"
