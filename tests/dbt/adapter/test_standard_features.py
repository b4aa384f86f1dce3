"""What every materialization has to do, by dbt's own suite."""

from __future__ import annotations

import psycopg
import pytest
from dbt.tests.adapter.aliases.test_aliases import BaseAliases
from dbt.tests.adapter.basic import files, test_snapshot_check_cols
from dbt.tests.adapter.basic.test_base import BaseSimpleMaterializations
from dbt.tests.adapter.basic.test_ephemeral import BaseEphemeral
from dbt.tests.adapter.basic.test_snapshot_check_cols import BaseSnapshotCheckCols
from dbt.tests.adapter.caching.test_caching import (
    BaseCachingLowercaseModel,
    BaseCachingSelectedSchemaOnly,
    BaseNoPopulateCache,
)
from dbt.tests.adapter.catalog.relation_types import CatalogRelationTypes
from dbt.tests.adapter.concurrency.test_concurrency import BaseConcurrency
from dbt.tests.adapter.constraints import fixtures as constraints
from dbt.tests.adapter.constraints.test_constraints import BaseTableConstraintsColumnsEqual
from dbt.tests.adapter.dbt_clone.test_dbt_clone import BaseCloneNotPossible
from dbt.tests.adapter.empty import _models
from dbt.tests.adapter.empty.test_empty import BaseTestEmpty, BaseTestEmptyInlineSourceRef
from dbt.tests.adapter.grants import test_model_grants as grants
from dbt.tests.adapter.hooks.test_model_hooks import BasePrePostModelHooks
from dbt.tests.adapter.persist_docs.test_persist_docs import BasePersistDocs, BasePersistDocsColumnMissing
from dbt.tests.adapter.relations.test_changing_relation_type import (
    _DEFAULT_CHANGE_RELATION_TYPE_MODEL,
    BaseChangeRelationTypeValidator,
)
from dbt.tests.adapter.unit_testing.test_case_insensitivity import BaseUnitTestCaseInsensivity
from dbt.tests.adapter.unit_testing.test_types import BaseUnitTestingTypes
from dbt.tests.util import run_dbt

from tests.dbt.adapter.stream import CONFIG, UNSAID, as_stream_table, with_a_source


@pytest.mark.full
class TestSimpleMaterializations(BaseSimpleMaterializations):
    pass


class TestEphemeral(BaseEphemeral):
    pass


TABLE_IS_STREAM_TABLE = """
{% materialization table, adapter='postgres' %}
    {{ return(pgstream.materialization_stream_table_postgres()) }}
{% endmaterialization %}
"""


class TestGrants(grants.BaseModelGrants):
    """It asks whether the model says ``table``: so that word makes a stream table here."""

    @pytest.fixture(scope="class", autouse=True)
    def get_test_users(self, adapter_dsn):
        names = [f"dbt_test_user_{number}" for number in (1, 2, 3)]
        with psycopg.connect(adapter_dsn, autocommit=True) as server, pytest.MonkeyPatch.context() as patch:
            for name in names:
                server.execute(f"drop role if exists {name}")
                server.execute(f"create role {name}")
                patch.setenv(name.upper(), name)
            yield names
            for name in names:
                server.execute(f"drop owned by {name}")
                server.execute(f"drop role {name}")

    @pytest.fixture(scope="class")
    def macros(self):
        return {"table.sql": TABLE_IS_STREAM_TABLE}

    @pytest.fixture(scope="class")
    def project_config_update(self):
        return {"models": {"+schedule": None, "+refresh_mode": "FULL"}}

    @pytest.fixture(scope="class")
    def models(self):
        given = self.interpolate_name_overrides(grants.model_schema_yml)
        return {"my_model.sql": with_a_source(grants.my_model_sql), "schema.yml": given}

    kinds = ("none: by the macro",)


class TestHooks(BasePrePostModelHooks):
    @pytest.fixture(scope="class", autouse=True)
    def setUp(self, project):
        project.run_sql(
            "create table {schema}.on_model_hook (test_state text, target_dbname text, target_host text, "
            "target_name text, target_schema text, target_type text, target_user text, target_pass text, "
            "target_threads integer, run_started_at text, invocation_id text, thread_id text)"
        )

    @pytest.fixture(scope="class")
    def models(self):
        return {"hooks.sql": CONFIG + "select 1 as id from public.one_row"}

    def check_hooks(self, state, project, host, count=1):  # noqa: ARG002 - the suite's signature
        for found in self.get_ctx_vars(state, count=count, project=project):
            assert (found["test_state"], found["target_dbname"]) == (state, "dbt")
            assert found["target_schema"] == project.test_schema
            assert found["thread_id"].startswith("Thread-")


class TestPersistDocs(BasePersistDocs):
    pass


class TestPersistDocsColumnMissing(BasePersistDocsColumnMissing):
    pass


@pytest.mark.full
class TestConstraints(BaseTableConstraintsColumnsEqual):
    @pytest.fixture(scope="class", autouse=True)
    def typed_model(self):
        """The suite writes this model anew for each type."""
        text = constraints.my_model_data_type_sql
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(constraints, "my_model_data_type_sql", as_stream_table("a.sql", text, ("table",)))
            yield


class TestUnitTestCaseInsensitivity(BaseUnitTestCaseInsensivity):
    kinds = ("table", UNSAID)


@pytest.mark.full
class TestSnapshotOnTop(BaseSnapshotCheckCols):
    """Of stream tables on the suite's seeds, which a run refreshes before each snapshot."""

    @pytest.fixture(scope="class")
    def models(self):
        return {
            f"on_{seed}.sql": CONFIG + f"select * from {{{{ ref('{seed}') }}}}" for seed in ("base", "added")
        }

    @pytest.fixture(scope="class")
    def snapshots(self):
        table = "ref('on_' ~ var('seed_name', 'base'))"
        on_top = f"{{{{ pgstream.star({table}) }}}} from {{{{ {table} }}}}"
        return {
            f"{name}.sql": getattr(files, name).replace("* from {{ ref(var('seed_name', 'base')) }}", on_top)
            for name in ("cc_all_snapshot_sql", "cc_date_snapshot_sql", "cc_name_snapshot_sql")
        }

    @pytest.fixture(autouse=True)
    def refreshed(self, monkeypatch):
        def run(args):
            if "snapshot" in args:
                run_dbt(["run"])
            return run_dbt(args)

        monkeypatch.setattr(test_snapshot_check_cols, "run_dbt", run)


class TestEmpty(BaseTestEmpty):
    pass


class TestEmptyInlineSourceRef(BaseTestEmptyInlineSourceRef):
    """Without the alias of its source, to which dbt-postgres gives one of its own under ``--empty``."""

    @pytest.fixture(scope="class")
    def models(self):
        return {
            "model.sql": CONFIG + "select * from {{ source('seed_sources', 'raw_source') }}",
            "sources.yml": _models.schema_sources_yml,
        }


class TestRelationTypes(CatalogRelationTypes):
    @pytest.fixture(scope="class", autouse=True)
    def models(self):
        return {"my_stream_table.sql": CONFIG + "select id, value from {{ ref('my_seed') }}"}

    @pytest.mark.parametrize(
        ("node_name", "relation_type"),
        [("seed.test.my_seed", "BASE TABLE"), ("model.test.my_stream_table", "BASE TABLE")],
    )
    def test_relation_types_populate_correctly(self, docs, node_name, relation_type):
        super().test_relation_types_populate_correctly(docs, node_name, relation_type)


@pytest.mark.full
class TestChangingRelationType(BaseChangeRelationTypeValidator):
    @pytest.fixture(scope="class")
    def models(self):
        reads = _DEFAULT_CHANGE_RELATION_TYPE_MODEL.replace(
            "as materialization\n", "as materialization from public.one_row\n"
        )
        return {"model_mc_modelface.sql": reads}

    def test_changing_materialization_changes_relation_type(self, project):  # noqa: ARG002
        for kind in ("view", "stream_table", "table", "stream_table", "view"):
            self._run_and_check_materialization(kind)
        self._run_and_check_materialization("incremental")
        self._run_and_check_materialization("stream_table", extra_args=["--full-refresh"])
        self._run_and_check_materialization("incremental", extra_args=["--full-refresh"])


class TestCaching(BaseCachingLowercaseModel):
    pass


class TestCachingSelectedSchemaOnly(BaseCachingSelectedSchemaOnly):
    pass


class TestNoPopulateCache(BaseNoPopulateCache):
    pass


class TestConcurrency(BaseConcurrency):
    pass


class TestAliases(BaseAliases):
    pass


@pytest.mark.full
class TestClone(BaseCloneNotPossible):
    pass


@pytest.mark.full
class TestUnitTestingTypes(BaseUnitTestingTypes):
    kinds = ("table", UNSAID)
