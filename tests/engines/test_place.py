"""A database has one name, whoever speaks of it."""

from __future__ import annotations

import pytest

from airflow_provider_pgstream._engines.connections import Place
from airflow_provider_pgstream.assets import asset_of


@pytest.mark.parametrize(
    ("place", "uri", "database"),
    [
        (Place("shop", "db.example", 6432, "c", "ann"), "postgres://db.example:6432", "shop"),
        (Place(None, "db.example", None, "c", "ann"), "postgres://db.example:5432", "ann"),
        (Place(None, None, None, "c"), "postgres://localhost:5432", "postgres"),
    ],
)
def test_asset_and_lineage_name_the_same_database(place: Place, uri: str, database: str) -> None:
    assert (place.uri, place.database_name) == (uri, database)
    assert asset_of("public.order_totals", place).uri == f"{uri}/{database}/public/order_totals"
