"""The command tries every stream-table model of a compiled project, as dbt people write them."""

from __future__ import annotations

import pytest

STAGING = "with source as (select * from {{ source('raw', 'orders') }}), renamed as ("
CUSTOMERS = """
with customers as (select * from {{ source('raw', 'customers') }}),
orders as (select * from {{ ref('stg_orders') }}),
totals as (
    select customer_id, count(order_id) as orders, sum(amount) as total from orders group by customer_id
)
select customers.id as customer_id, customers.name, coalesce(totals.orders, 0) as orders, totals.total
from customers left join totals on totals.customer_id = customers.id
"""


def test_models_of_a_shop_are_tried(project, capsys):
    main = pytest.importorskip("airflow_provider_pgstream.check", reason="needs Airflow").main
    pytest.importorskip("sqlglot")
    project.sql("create table customers (id int primary key, name text not null)")
    project.sql("insert into customers values (0, 'zero'), (1, 'one')")
    project.write(
        "models/sources.yml",
        "version: 2\nsources: [{name: raw, schema: public, tables: [{name: orders}, {name: customers}]}]\n",
    )
    project.model(
        "stg_orders",
        f"{STAGING} select id as order_id, customer_id, amount from source) select * from renamed",
        materialized="view",
    )
    project.model("customers_model", CUSTOMERS, refresh_mode="FULL")
    project.model("sums", "select customer_id, total from {{ ref('customers_model') }} where total > 1")
    assert project.run().success
    project.write_artifacts()
    assert project.dbt("compile").success
    capsys.readouterr()
    status = main(["--dsn", project.dsn, "--dbt-project", str(project.path), "--changes", "6"])
    lines = [line.split()[:3] for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == ["public.customers_model", "FULL", "right"]
    assert lines[1][:2] == ["public.sums", "DIFFERENTIAL"]
    assert lines[1][2] in ("right", "wrong", "fails", "refused")
    assert status == (0 if lines[1][2] == "right" else 1)
