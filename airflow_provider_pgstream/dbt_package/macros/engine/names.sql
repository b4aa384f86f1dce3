{# Every name of the engine's, once: another engine, or another release of this one, is another set of names. #}

{% macro engine() %}
    {{ return(adapter.dispatch('engine', 'pgstream')()) }}
{% endmacro %}


{% macro default__engine() %}
    {{ return({
        'extension': 'pg_stream',
        'schema': 'pgstream',
        'stream_tables': 'pgstream.pgs_stream_tables',
        'dependencies': 'pgstream.pgs_dependencies',
        'create': 'pgstream.create_stream_table',
        'alter': 'pgstream.alter_stream_table',
        'drop': 'pgstream.drop_stream_table',
        'refresh': 'pgstream.refresh_stream_table',
        'cdc_health': 'pgstream.check_cdc_health',
        'id': 'pgs_id',
        'name': 'pgs_name',
        'schema_name': 'pgs_schema',
        'relid': 'pgs_relid',
        'row_id': '__pgs_row_id',
        'row_count': '__pgs_count',
        'change_trigger': 'pg_stream_cdc_',
        'truncate_trigger': 'pg_stream_cdc_truncate_',
        'creation_lock': '1885827956, 1',
        'search_path': 'public',
        'scheduler': 'pg_stream scheduler',
        'scheduler_database': 'postgres',
    }) }}
{% endmacro %}
