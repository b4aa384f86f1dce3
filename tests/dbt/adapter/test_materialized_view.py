"""The life of a materialized view, lived by a stream table: created, replaced, altered, left alone."""

from __future__ import annotations

from typing import Any

import pytest
from dbt.tests.adapter.materialized_view.basic import MaterializedViewBasic
from dbt.tests.adapter.materialized_view.changes import (
    MaterializedViewChanges,
    MaterializedViewChangesApplyMixin,
    MaterializedViewChangesContinueMixin,
    MaterializedViewChangesFailMixin,
)
from dbt.tests.util import get_model_file, run_dbt, set_model_file

from tests.fixtures.engine import dressed

MODEL = """
{{ config(materialized='stream_table', schedule='1h', refresh='never') }}
select id, value from {{ ref('my_seed') }}
"""


def rows(project: Any, query: str) -> Any:
    return project.run_sql(dressed(query), fetch="one")


def kind_of(project: Any, relation: Any) -> str | None:
    """Return the suite's word: a stream table is what it calls a materialized view."""
    found = rows(
        project,
        "select c.relkind::text, exists (select from pgstream.pgs_stream_tables st where pgs_relid = c.oid) "
        f"from pg_class c where c.oid = to_regclass('{relation.schema}.{relation.identifier}')",
    )
    if found is None:
        return None
    return "materialized_view" if found[1] else {"r": "table", "v": "view"}[found[0]]


def swapped(project: Any, relation: Any, old: str, new: str) -> None:
    set_model_file(project, relation, get_model_file(project, relation).replace(old, new))


class OfStreamTables:
    """What both of the suite's classes have to be told."""

    kinds = ("none of the suite's",)

    @pytest.fixture(scope="class", autouse=True)
    def models(self):
        return {
            "my_table.sql": "{{ config(materialized='table') }} select id, value from {{ ref('my_seed') }}",
            "my_view.sql": "{{ config(materialized='view') }} select id, value from {{ ref('my_seed') }}",
            "my_materialized_view.sql": MODEL,
        }

    @staticmethod
    def query_relation_type(project, relation):
        return kind_of(project, relation)


class TestBasic(OfStreamTables, MaterializedViewBasic):
    @staticmethod
    def insert_record(project, table, record):
        project.run_sql(f"insert into {table} (id, value) values {record}")

    @staticmethod
    def refresh_materialized_view(project, materialized_view):  # noqa: ARG004 - the suite's signature
        name = f"{materialized_view.schema}.{materialized_view.identifier}"
        run_dbt(["run-operation", "pgstream_refresh", "--args", f"{{model_name: {name}}}"])

    @staticmethod
    def query_row_count(project, relation):
        return rows(project, f"select count(*) from {relation}")[0]

    @staticmethod
    def swap_table_to_materialized_view(project, table):
        swapped(project, table, "materialized='table'", "materialized='stream_table'")

    @staticmethod
    def swap_view_to_materialized_view(project, view):
        swapped(project, view, "materialized='view'", "materialized='stream_table'")

    @staticmethod
    def swap_materialized_view_to_table(project, materialized_view):
        swapped(project, materialized_view, "materialized='stream_table'", "materialized='table'")

    @staticmethod
    def swap_materialized_view_to_view(project, materialized_view):
        swapped(project, materialized_view, "materialized='stream_table'", "materialized='view'")


class Changes(OfStreamTables, MaterializedViewChanges):
    """A schedule is altered, FULL to DIFFERENTIAL replaces."""

    @pytest.fixture(scope="class", autouse=True)
    def models(self):
        return {"my_materialized_view.sql": MODEL.replace("refresh=", "refresh_mode='FULL', refresh=")}

    @staticmethod
    def settings(project, relation):
        return rows(
            project,
            "select schedule, refresh_mode from pgstream.pgs_stream_tables "
            f"where pgs_schema = '{relation.schema}' and pgs_name = '{relation.identifier}'",
        )

    def check_start_state(self, project, materialized_view):
        assert tuple(self.settings(project, materialized_view)) == ("1h", "FULL")

    @staticmethod
    def change_config_via_alter(project, materialized_view):
        swapped(project, materialized_view, "schedule='1h'", "schedule='2h'")

    def check_state_alter_change_is_applied(self, project, materialized_view):
        assert self.settings(project, materialized_view)[0] == "2h"

    @staticmethod
    def change_config_via_replace(project, materialized_view):
        swapped(project, materialized_view, "refresh_mode='FULL'", "refresh_mode='DIFFERENTIAL'")

    def check_state_replace_change_is_applied(self, project, materialized_view):
        assert self.settings(project, materialized_view)[1] == "DIFFERENTIAL"


class TestChangesApply(Changes, MaterializedViewChangesApplyMixin):
    pass


@pytest.mark.full
class TestChangesContinue(Changes, MaterializedViewChangesContinueMixin):
    pass


@pytest.mark.full
class TestChangesFail(Changes, MaterializedViewChangesFailMixin):
    pass
