{#
    All that is particular to the engine pg_trickle, tried at 0.67.0: what pg_stream has become. What has the name of an
    attribute of the provider's `Engine` means the same, and is the same: its docstrings say what.
#}
{% macro _engine_pg_trickle() %}
    {#- Later versions have this column. -#}
    {%- set external = "coalesce(pg_catalog.to_jsonb(st) ->> 'orchestration_mode' = 'EXTERNAL', false)" -%}
    {{ return({
        'extension': 'pg_trickle',
        'postgres': 18,
        'schema': 'pgtrickle',
        'changes_schema': 'pgtrickle_changes',

        'catalog': 'pgtrickle.pgt_stream_tables',
        'dependencies': 'pgtrickle.pgt_dependencies',
        'tracking': 'pgtrickle.pgt_change_tracking',
        'history': 'pgtrickle.pgt_refresh_history',
        'id': 'pgt_id',
        'schema_name': 'pgt_schema',
        'name': 'pgt_name',
        'relid': 'pgt_relid',
        'internal_prefix': '__pgt_',
        'row_id': '__pgt_row_id',
        'fresh_as_of': 'st.last_refresh_at',
        'schedule': "
            case when st.schedule is null and st.refresh_tier <> 'frozen' and st.refresh_mode <> 'IMMEDIATE'
            and not " ~ external ~ " then 'calculated' else st.schedule end",
        'unscheduled': "
            case when st.refresh_mode = 'IMMEDIATE' then null
            when st.refresh_tier = 'frozen' then 'has no schedule (tier frozen)'
            when " ~ external ~ " then 'is orchestrated from outside (EXTERNAL)' end",
        'external': external,
        'last_error': '
            coalesce(pg_catalog.substring(st.last_error_message, $$(?<=message: ")(?:[^"\\\\]|\\\\.)*$$),
            pg_catalog.left(pg_catalog.split_part(st.last_error_message, E\'\\n\', 1), 300))',

        'create': 'pgtrickle.create_stream_table',
        'alter': 'pgtrickle.alter_stream_table',
        'drop': 'pgtrickle.drop_stream_table',
        'refresh': 'pgtrickle.refresh_stream_table',
        'capture_health': 'pgtrickle.check_cdc_health',
        'duration_seconds': 'pgtrickle.parse_duration_seconds',

        'refresh_modes': ['DIFFERENTIAL', 'FULL', 'AUTO', 'IMMEDIATE'],
        'default_refresh_mode': 'DIFFERENTIAL',
        'default_schedule': '1m',
        'driven': 'calculated',
        'runs_cron': false,
        'create_settings': {'cdc_mode': 'trigger'},
        'unattended_settings': {'tier': 'frozen'},
        'attended_settings': {'tier': 'hot'},
        'setting_columns': {
            'tier': 'refresh_tier',
            'cdc_mode': 'requested_cdc_mode',
            'append_only': 'is_append_only',
            'partition_by': 'st_partition_key',
            'fuse': 'fuse_mode',
        },

        'refused_in_names': '[^\\w.$]',
        'cannot_hold_names_with': '[A-Z.\\s]|[^\\w.$]',
        'cannot_hold_names_with_words': 'A to Z, dots, blanks, hyphens, quotes and the like',

        'buffer_name': "
            (select 'changes_' || k.source_stable_name from pgtrickle.pgt_change_tracking k
            where k.source_relid = d.source_relid)",
        'capture': "
            select count(*) filter (where tg.tgname ~ '_truncate_[0-9a-f]+$') = 1
            and (count(*) filter (where tg.tgname ~ '_(ins|upd|del)_[0-9a-f]+$') = 3
            or count(*) filter (where tg.tgname ~ '_cdc_[0-9a-f]+$') = 1) as present,
            pg_catalog.bool_or(tg.tgenabled not in ('O', 'A')) as disabled
            from pg_catalog.pg_trigger tg
            where tg.tgrelid = s.source_relid
            and tg.tgname = any (array(
            select pg_catalog.unnest(array['pg_trickle_cdc_ins_', 'pg_trickle_cdc_upd_', 'pg_trickle_cdc_del_', 'pg_trickle_cdc_']
            || array['pg_trickle_cdc_truncate_']) || k.source_stable_name
            from pgtrickle.pgt_change_tracking k where k.source_relid = s.source_relid::oid))",
        'position': 'pg_catalog.pg_current_wal_insert_lsn()',
        'mixed_in_full': false,
        'reinit_in_full': false,
        'defers_clean_up': false,
        'truncates_buffers': true,
        'skips': true,
        'stays_in_error': true,
        'scheduler_moves_frontier': true,
        'loses_in_wal': true,
        'needs_key': true,
        'dies_of_missing_grants': true,
        'keeps_buffers': true,
        'keeps_read_tables': true,
        'scheduler_populates': false,
        'kept_in': 'pgt_change_buffers',
        'repairs': ['reinitialize_stream_table', 'repair_stream_table'],
        'unfinished': 'is_populated = false',

        'search_path': 'public',
        'creation_lock': '1885827956, 1',
        'busy': 'refresh skipped:%',

        'scheduler_process': 'pg_trickle scheduler',
        'scheduler_database': none,
    }) }}
{% endmacro %}


{# As in the file of pg_stream: the first pattern (case-insensitive POSIX/Python-compatible regular expression) that is found in the text of an error. `hint` for everybody, or `airflow` and `dbt` where the words differ. #}
{% macro _hints_pg_trickle() %}
{%- set hints -%}{% raw %}
[
  {
    "pattern": "is in error state",
    "airflow": "its last scheduled refresh failed: see PgStreamHook.diagnose(), then resume it with PgStreamAlterOperator(status=\"ACTIVE\")",
    "dbt": "its last scheduled refresh failed: dbt run-operation pgstream_status says why; dbt run recreates it, or remove the cause and dbt run-operation pgstream_resume --args '{model_name: ...}'"
  },
  {
    "pattern": "is suspended",
    "airflow": "it is paused: resume it, or leave it out",
    "dbt": "it is paused: dbt run-operation pgstream_resume --args '{model_name: ...}', or leave it out"
  },
  {
    "pattern": "__pgt_row_id|column reference \"__pgt",
    "airflow": "list the columns: select * over a stream table takes its internal ones along",
    "dbt": "a stream table that reads another must not take its internal columns along: select {{ pgstream.star(ref(...)) }} instead of *"
  },
  {
    "pattern": "must have a FROM clause",
    "airflow": "let the query read a table",
    "dbt": "let the query read a table, or use materialized='table'"
  },
  {
    "pattern": "SpiTupleTable positioned",
    "airflow": "the query names a table that does not exist, or not in schema 'public': write schema.table",
    "dbt": "every name in the query needs its schema"
  },
  {
    "pattern": "column .* does not exist",
    "hint": "if a column of a source was renamed, every write to that source fails, too: rename it back, drop the stream tables that read it, and recreate them after the change"
  },
  {
    "pattern": "column-affecting DDL",
    "hint": "drop the stream tables that read it, change it, and recreate them; or a superuser sets pg_trickle.block_source_ddl = off"
  },
  {
    "pattern": "duration unit|schedule cannot be empty|invalid cron expression|schedule must be at least",
    "hint": "write a duration such as '30s', '5m' or '1h30m'"
  },
  {
    "pattern": "INSERT has more expressions than target columns",
    "airflow": "it was created in another refresh mode: recreate it",
    "dbt": "it was created in another refresh mode: run dbt with --full-refresh"
  },
  {
    "pattern": "(LIMIT|OFFSET)",
    "hint": "a stream table holds its whole result: leave LIMIT and OFFSET to whoever reads it, or say ORDER BY with the LIMIT"
  },
  {
    "pattern": "materialized view",
    "hint": "read the tables behind the materialized view, or use refresh_mode='FULL'"
  },
  {
    "pattern": "foreign table",
    "hint": "use refresh_mode='FULL'"
  },
  {
    "pattern": "unsupported operator for DIFFERENTIAL",
    "hint": "write the query without it, or use refresh_mode='FULL'"
  },
  {
    "pattern": "must be owner of table changes_",
    "hint": "one role has to create all stream tables on a source"
  },
  {
    "pattern": "refresh skipped",
    "hint": "another session is refreshing it: try again when that has ended"
  },
  {
    "pattern": "cycle detected",
    "hint": "a stream table cannot read itself, not even through others"
  }
]
{% endraw %}{%- endset -%}
{{ return(fromjson(hints)) }}
{% endmacro %}
