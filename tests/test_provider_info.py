"""What Airflow learns of the package."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

import jsonschema
import pytest
from airflow.providers_manager import ProvidersManager

from airflow_provider_pgstream.get_provider_info import get_provider_info
from airflow_provider_pgstream.hooks.pgstream import PgStreamHook

INFO = get_provider_info()


@pytest.mark.parametrize("schema", ["provider_info.schema.json"])
def test_provider_info_is_valid_against_airflows_schema(schema: str) -> None:
    text = resources.files("airflow").joinpath(schema).read_text()
    jsonschema.validate(INFO, json.loads(text))


@pytest.mark.filterwarnings("ignore:ProvidersManager.hooks is deprecated")  # its successor is not in 2.11
def test_airflow_finds_the_package_and_its_connection_type() -> None:
    manager: Any = ProvidersManager()
    assert "airflow-provider-pgstream" in manager.providers
    hook = manager.hooks["pgstream"]
    assert hook.hook_name == PgStreamHook.hook_name
    assert hook.connection_id_attribute_name == "postgres_conn_id"


def test_connection_type_of_the_hook_is_the_one_of_the_form() -> None:
    (connection,) = INFO["connection-types"]
    assert connection["connection-type"] == PgStreamHook.conn_type
    assert connection["hook-name"] == PgStreamHook.hook_name
    assert set(connection["conn-fields"]) == {"sslmode", "engine", "connect_timeout"}
