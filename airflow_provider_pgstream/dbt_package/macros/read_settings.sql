{# Where a setting is read from: a model's configuration, or what is said for a whole run. #}


{# A key of a model's configuration, else of its meta.pgstream; an explicit null is a value. #}
{% macro _setting_of(node_config, key, default) %}
    {%- set absent = '(absent)' -%}
    {%- set value = node_config.get(key, absent) -%}
    {%- if value != absent -%}
        {{ return(value) }}
    {%- elif not node_config.get('meta') -%}
        {{ return(default) }}
    {%- endif -%}
    {%- set own = pgstream._own_meta(node_config) -%}
    {{ return(own[key] if key in own else pgstream._bare_meta(node_config).get(key, default)) }}
{% endmacro %}


{# What a model says of its stream table under meta.pgstream. #}
{% macro _own_meta(node_config) %}
    {%- set own = (node_config.get('meta') or {}).get('pgstream') or {} -%}
    {{ return(own if own is mapping else {}) }}
{% endmacro %}


{#
    What a model says under meta itself, as earlier versions took it. Meta is everybody's: there `status: production` and
    `tier: gold` mean something else, so only a value that could be ours is one.
#}
{% macro _bare_meta(node_config) %}
    {%- set bare = {} -%}
    {%- for key, value in (node_config.get('meta') or {}).items() if pgstream._could_be(key, value) -%}
        {%- do bare.update({key: value}) -%}
    {%- endfor -%}
    {{ return(bare) }}
{% endmacro %}


{# Refuses what meta.pgstream cannot hold, and says of keys under meta itself where they belong. #}
{% macro _check_meta() %}
    {%- set own = (config.get('meta') or {}).get('pgstream') -%}
    {%- if own is not none and own is not mapping -%}
        {%- do pgstream._refuse_value(pgstream._key('meta.pgstream'), own, 'settings, {schedule: 5m} for instance') -%}
    {%- endif -%}
    {%- set known = pgstream._settings_of_models() + pgstream._known_settings_of_engine().keys() | list + pgstream._settings_of_gates() -%}
    {%- for key in own or {} if key not in known -%}
        {%- do exceptions.raise_compiler_error(pgstream._key('meta.pgstream') ~ ' has ' ~ key ~ ', which is unknown: it may hold ' ~ known | sort | join(', ')) -%}
    {%- endfor -%}
    {%- set bare = pgstream._bare_meta(config).keys() | list -%}
    {%- if bare -%}
        {%- do exceptions.warn('model ' ~ model.name ~ ' has ' ~ bare | join(', ') ~ ' under meta, which is everybody\'s: move that to meta.pgstream. A later version will not hear it there') -%}
    {%- endif -%}
{% endmacro %}


{% macro _settings_of_models() %}
    {{ return(['schedule', 'refresh_mode', 'initialize', 'status', 'stream_table_name', 'stream_table_schema', 'wait_for_populated', 'refresh']) }}
{% endmacro %}


{# What airflow-provider-pgstream reads of a model's meta.pgstream, and this package does not. #}
{% macro _settings_of_gates() %}
    {{ return(['wait_for', 'stream_table', 'postgres_conn_id', 'sensor_args', 'refresh_args']) }}
{% endmacro %}


{# The words that a key may be, or what kind of value. #}
{% macro _allowed(key) %}
    {%- if key == 'refresh_mode' -%}
        {{ return(pgstream._engine().refresh_modes) }}
    {%- endif -%}
    {{ return(dict(pgstream._known_settings_of_engine(), **{
        'schedule': 'schedule',
        'initialize': 'boolean',
        'status': ['ACTIVE', 'PAUSED', 'SUSPENDED'],
        'stream_table_name': 'string',
        'stream_table_schema': 'string',
        'wait_for_populated': 'wait',
        'refresh': ['NEVER', 'UNPOPULATED', 'ALWAYS', 'AUTO'],
    })[key]) }}
{% endmacro %}


{# Whether a key is one of ours, and the value one that it may have in this database. #}
{% macro _could_be(key, value) %}
    {%- if key in pgstream._known_settings_of_engine() -%}
        {{ return(pgstream._is_taken(key) and pgstream._is_one_of(value, pgstream._allowed(key))) }}
    {%- endif -%}
    {{ return(key in pgstream._settings_of_models() and pgstream._is_one_of(value, pgstream._allowed(key))) }}
{% endmacro %}


{% macro _is_one_of(value, allowed) %}
    {%- if allowed is not string -%}
        {{ return(value is string and value | trim | upper in allowed | map('upper') | list) }}
    {%- elif allowed == 'schedule' -%}
        {{ return(value is none or value | string | trim | lower == pgstream._engine().driven or pgstream._is_schedule(value)) }}
    {%- endif -%}
    {%- set is_number = value is number and value is not boolean -%}
    {{ return({'boolean': value is boolean, 'number': is_number, 'string': value is string, 'wait': value is boolean or is_number}[allowed]) }}
{% endmacro %}


{#
    What is said for a whole run: the var `pgstream_<name>`, else `name` of the var `pgstream`, which is where dbt's users
    write what is a package's own. dbt itself hears that in the package's own models only, and it has none.
#}
{% macro _var(name, default) %}
    {%- set own = var('pgstream', none) or {} -%}
    {%- if own is not mapping -%}
        {%- do pgstream._refuse_value('the var pgstream', own, 'settings, {lock_timeout: 30} for instance') -%}
    {%- endif -%}
    {%- set known = ['busy_timeout', 'engine', 'lock_timeout', 'refresh', 'search_path', 'take_over', 'wait_for_populated'] -%}
    {%- for key in own if key.replace('pgstream_', '') not in known -%}
        {%- do exceptions.raise_compiler_error('the var pgstream has ' ~ key ~ ', which is unknown: it may hold ' ~ known | join(', ')) -%}
    {%- endfor -%}
    {{ return(var('pgstream_' ~ name, own.get('pgstream_' ~ name, own.get(name, default)))) }}
{% endmacro %}


{# Seconds that a var says. #}
{% macro _var_seconds(name, default) %}
    {{ return(pgstream._seconds('the var pgstream_' ~ name, pgstream._var(name, default))) }}
{% endmacro %}
