"""docs/dbt.md for those who have dbt and no Airflow: what it says, typed in a fresh virtual environment."""

from __future__ import annotations

import re
from pathlib import Path

import psycopg
import pytest

from tests.package.newcomer import ROOT, Newcomer
from tests.readme import TOTALS

PAGE = (ROOT / "docs" / "dbt.md").read_text(encoding="utf-8")
SECTION = PAGE.split("## Without Airflow\n")[1].split("\n## ")[0]
PROFILE = """
shop:
  target: test
  outputs:
    test: {{type: postgres, host: {host}, port: {port}, user: {user}, password: {password},
      dbname: {dbname}, schema: public}}
"""
MODEL = """
{{ config(materialized='stream_table', schedule=None) }}
select customer_id, sum(amount) as total from public.orders group by customer_id
"""


def make_project(directory: Path, dsn: str, packages: str) -> Path:
    """A dbt project with one stream table."""
    (directory / "models").mkdir(parents=True)
    (directory / "dbt_project.yml").write_text("{name: shop, config-version: 2, profile: shop}\n")
    (directory / "profiles.yml").write_text(PROFILE.format(**psycopg.conninfo.conninfo_to_dict(dsn)))
    (directory / "packages.yml").write_text(packages)
    (directory / "models" / "order_totals.sql").write_text(MODEL)
    return directory


@pytest.mark.timeout(1200)
def test_the_package_installs_and_runs_without_airflow(
    network: None, tmp_path: Path, pgstream_dsn: str
) -> None:
    install, dependencies = re.findall(r"```bash\n(.*)\n```", SECTION)
    by_path, by_git = re.findall(r"```yaml\n(.*?)```", SECTION, re.DOTALL)
    newcomer = Newcomer(tmp_path)
    newcomer.type(["python3 -m venv .venv", ". .venv/bin/activate", install])
    activate = f". '{newcomer.clone}/.venv/bin/activate'"
    newcomer.type([activate, "! python -c 'import airflow' 2>/dev/null"])
    for way, packages in (("local:", by_path), ("git:", by_git)):
        assert way in packages
        with psycopg.connect(pgstream_dsn, autocommit=True) as connection:
            connection.execute("drop table if exists public.orders cascade")
            connection.execute("create table public.orders (id int primary key, customer_id int, amount int)")
            connection.execute("insert into public.orders values (1, 1, 10), (2, 1, 5), (3, 2, 7)")
            packages = packages.replace("/path/to/clone", str(newcomer.clone))
            project = make_project(tmp_path / way.strip(":"), pgstream_dsn, packages)
            newcomer.type([activate, dependencies, "dbt run"], cwd=project)
            rows = connection.execute(TOTALS).fetchall()
            assert rows == [(1, 15), (2, 7)], way
            connection.execute("select pgstream.drop_stream_table('public.order_totals')")
