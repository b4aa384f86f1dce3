{#
    All that is particular to the engine pg_stream. The next engine is a file like this one, with macros of its own
    name: `_engine_<extension>` and `_hints_<extension>`. What has the name of an attribute of the provider's `Engine`
    means the same, and is the same: its docstrings say what.
#}
{% macro _engine_pg_stream() %}
    {{ return({
        'extension': 'pg_stream',
        'postgres': 18,
        'schema': 'pgstream',
        'changes_schema': 'pgstream_changes',

        'catalog': 'pgstream.pgs_stream_tables',
        'dependencies': 'pgstream.pgs_dependencies',
        'tracking': 'pgstream.pgs_change_tracking',
        'history': 'pgstream.pgs_refresh_history',
        'id': 'pgs_id',
        'schema_name': 'pgs_schema',
        'name': 'pgs_name',
        'relid': 'pgs_relid',
        'internal_prefix': '__pgs_',
        'row_id': '__pgs_row_id',
        'fresh_as_of': 'st.data_timestamp',
        'schedule': 'st.schedule',
        'unscheduled': "case when st.schedule is null and st.is_populated then 'has no schedule (CALCULATED)' end",
        'external': 'false',
        'last_error': 'null::text',

        'create': 'pgstream.create_stream_table',
        'alter': 'pgstream.alter_stream_table',
        'drop': 'pgstream.drop_stream_table',
        'refresh': 'pgstream.refresh_stream_table',
        'capture_health': 'pgstream.check_cdc_health',
        'duration_seconds': 'pgstream.parse_duration_seconds',

        'refresh_modes': ['DIFFERENTIAL', 'FULL'],
        'default_refresh_mode': 'DIFFERENTIAL',
        'default_schedule': '1m',
        'driven': none,
        'runs_cron': true,
        'create_settings': {},
        'unattended_settings': {},
        'attended_settings': {},
        'setting_columns': {},

        'refused_in_names': none,
        'cannot_hold_names_with': '[A-Z.\\s]',
        'cannot_hold_names_with_words': 'A to Z, dots and blanks',

        'buffer_name': "'changes_' || d.source_relid::bigint",
        'capture': "
            select count(*) = 2 as present, pg_catalog.bool_or(tg.tgenabled = 'D') as disabled
            from pg_catalog.pg_trigger tg
            where tg.tgrelid = s.source_relid
            and tg.tgname = any (array['pg_stream_cdc_' || s.source_relid::bigint, 'pg_stream_cdc_truncate_' || s.source_relid::bigint])",
        'position': 'pg_catalog.pg_current_wal_lsn()',
        'mixed_in_full': true,
        'reinit_in_full': true,
        'defers_clean_up': true,
        'truncates_buffers': false,
        'skips': false,
        'stays_in_error': false,
        'scheduler_moves_frontier': false,
        'loses_in_wal': false,
        'needs_key': false,
        'dies_of_missing_grants': false,
        'keeps_buffers': false,
        'keeps_read_tables': false,
        'scheduler_populates': true,
        'kept_in': none,
        'repairs': [],
        'unfinished': 'needs_reinit = true',

        'search_path': 'public',
        'creation_lock': '1885827956, 1',
        'busy': 'refresh skipped:%',

        'scheduler_process': 'pg_stream scheduler',
        'scheduler_database': 'postgres',
    }) }}
{% endmacro %}


{# What to do about an error of the engine's: the first pattern (case-insensitive POSIX/Python-compatible regular expression) that is found in its text. `hint` for everybody, or `airflow` and `dbt` where the words differ. #}
{% macro _hints_pg_stream() %}
{%- set hints -%}{% raw %}
[
  {
    "pattern": "column \"[0-9]+\" does not exist",
    "hint": "the engine takes no column numbers (GROUP BY 1): write the column or the expression itself after GROUP BY"
  },
  {
    "pattern": "count\\(\\*\\) must be used to call",
    "hint": "the engine inlines views and breaks count(*) over them: write count(1), or read the table behind the view"
  },
  {
    "pattern": "(LIMIT|OFFSET) is not supported",
    "hint": "a stream table holds its whole result: leave LIMIT and OFFSET to whoever reads it; inside a subquery they need refresh_mode='FULL'"
  },
  {
    "pattern": "must have a FROM clause",
    "airflow": "let the query read a table",
    "dbt": "let the query read a table, or use materialized='table'"
  },
  {
    "pattern": "materialized view",
    "hint": "use refresh_mode='FULL', or read the tables behind the materialized view"
  },
  {
    "pattern": "foreign table",
    "hint": "use refresh_mode='FULL'"
  },
  {
    "pattern": "unsupported operator for DIFFERENTIAL",
    "hint": "use refresh_mode='FULL', or write the query without it"
  },
  {
    "pattern": "char boundary",
    "hint": "the engine cannot read a query with a letter outside ASCII, not even in a comment: write escapes, U&'gr\\00f6\\00dfe'"
  },
  {
    "pattern": "SpiTupleTable positioned",
    "airflow": "the query names a table that does not exist, or not in schema 'public': write schema.table",
    "dbt": "every name in the query needs its schema, and a stream table that reads another must not take its internal columns along (select {{ pgstream.star(ref(...)) }} instead of *)"
  },
  {
    "pattern": "__pgs_row_id|column reference \"__pgs|no unique or exclusion constraint",
    "airflow": "read a stream table by its columns, not with *, which brings __pgs_row_id along",
    "dbt": "a stream table that reads another must not take its internal columns along (select {{ pgstream.star(ref(...)) }} instead of *), and every name in the query needs its schema"
  },
  {
    "pattern": "INSERT has more expressions",
    "airflow": "this table was laid out for another refresh mode: drop it and create it again",
    "dbt": "this table was laid out for another refresh mode: run dbt with --full-refresh"
  },
  {
    "pattern": "is suspended",
    "airflow": "it is paused: resume it, or leave it out",
    "dbt": "it is paused: dbt run-operation pgstream_resume --args '{model_name: ...}', or leave it out"
  },
  {
    "pattern": "refresh skipped",
    "hint": "another session is refreshing it: try again when that has ended"
  },
  {
    "pattern": "cycle detected",
    "hint": "a stream table cannot read itself, not even through others"
  },
  {
    "pattern": "invalid argument: .*(schedule|duration|cron)",
    "airflow": "a schedule is a duration such as '5m' or '1h30m', a cron expression of 5 to 7 fields, an alias such as '@hourly', or None",
    "dbt": "a schedule is a duration such as '5m' or '1h30m', a cron expression of 5 to 7 fields, an alias such as '@hourly', or null"
  }
]
{% endraw %}{%- endset -%}
{{ return(fromjson(hints)) }}
{% endmacro %}
