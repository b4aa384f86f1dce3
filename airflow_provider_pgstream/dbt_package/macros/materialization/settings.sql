{# The model's configuration, checked before any SQL is sent. #}
{% macro settings() %}
    {{ return({
        'schedule': pgstream.schedule_setting(),
        'refresh_mode': pgstream.choice('refresh_mode', pgstream.setting_of(config, 'refresh_mode', 'DIFFERENTIAL'), ['FULL', 'DIFFERENTIAL']),
        'initialize': pgstream.initialize_setting(),
        'status': pgstream.status_setting(),
        'refresh': pgstream.refresh_setting(),
        'wait_for_populated': pgstream.wait_setting(),
        'on_configuration_change': pgstream.choice('on_configuration_change', config.get('on_configuration_change', 'apply') | string, ['APPLY', 'CONTINUE', 'FAIL']) | lower,
    }) }}
{% endmacro %}


{# A key of a model's configuration, else of its meta; an explicit null is a value. #}
{% macro setting_of(node_config, key, default) %}
    {%- set absent = '(absent)' -%}
    {%- set value = node_config.get(key, absent) -%}
    {%- if value == absent -%}
        {%- set value = (node_config.get('meta') or {}).get(key, default) -%}
    {%- endif -%}
    {{ return(value) }}
{% endmacro %}


{% macro invalid_setting(key, value, expected) %}
    {%- set shown = 'null' if value is none else value | string | lower if value is boolean else "'" ~ value ~ "'" -%}
    {{ exceptions.raise_compiler_error("model " ~ model.name ~ ": " ~ key ~ " is " ~ shown ~ ", expected " ~ expected) }}
{% endmacro %}


{% macro choice(key, value, allowed) %}
    {%- set word = value | string | trim | upper -%}
    {%- if value is not string or word not in allowed -%}
        {%- do pgstream.invalid_setting(key, value, "one of " ~ allowed | join(', ')) -%}
    {%- endif -%}
    {{ return(word) }}
{% endmacro %}


{% macro schedule_setting() %}
    {%- set value = pgstream.setting_of(config, 'schedule', '1m') -%}
    {%- if value is none -%}
        {{ return(none) }}
    {%- endif -%}
    {%- set text = value | string | trim -%}
    {%- set shapes = ['\\d+', '(\\d+[smhdw])+', '@\\w+', '\\S+(\\s+\\S+){4,6}'] -%}
    {%- if value is boolean or not modules.re.fullmatch(shapes | join('|'), text) -%}
        {%- do pgstream.invalid_setting('schedule', value, "a duration such as '90s', '5m' or '1h30m', a cron expression of 5 to 7 fields, an alias such as '@hourly', or null") -%}
    {%- endif -%}
    {{ return(text) }}
{% endmacro %}


{% macro initialize_setting() %}
    {%- set value = pgstream.setting_of(config, 'initialize', true) -%}
    {%- if value is not boolean -%}
        {%- do pgstream.invalid_setting('initialize', value, "true or false") -%}
    {%- endif -%}
    {{ return(value) }}
{% endmacro %}


{# The engine's word for a paused table is SUSPENDED. #}
{% macro status_setting() %}
    {%- set value = pgstream.setting_of(config, 'status', none) -%}
    {%- if value is none -%}
        {{ return(none) }}
    {%- endif -%}
    {%- set word = pgstream.choice('status', value, ['ACTIVE', 'PAUSED', 'SUSPENDED']) -%}
    {{ return('SUSPENDED' if word == 'PAUSED' else word) }}
{% endmacro %}


{#
    Where a run of Cosmos cannot gate a model from outside, the var says what its gate would do; the model's own word
    for its gate, under meta.pgstream, goes before it. `auto` is such a word: what nobody else will refresh.
#}
{% macro refresh_setting() %}
    {%- set value = var('pgstream_refresh', none) -%}
    {%- if value is none -%}
        {%- set value = pgstream.setting_of(config, 'refresh', 'never') -%}
    {%- else -%}
        {%- set value = ((config.get('meta') or {}).get('pgstream') or {}).get('refresh', value) -%}
    {%- endif -%}
    {%- set word = pgstream.choice('refresh', value, ['NEVER', 'UNPOPULATED', 'ALWAYS', 'AUTO']) | lower -%}
    {%- if word == 'auto' -%}
        {%- set word = 'always' if pgstream.schedule_setting() is none else 'unpopulated' -%}
    {%- endif -%}
    {{ return(word) }}
{% endmacro %}


{# Seconds; 0 is not to wait. A var on the command line may be text. #}
{% macro wait_setting() %}
    {%- set value = var('pgstream_wait_for_populated', none) -%}
    {%- if value is none -%}
        {%- set value = pgstream.setting_of(config, 'wait_for_populated', false) -%}
    {%- endif -%}
    {%- set word = value | string | lower -%}
    {%- if word in ('true', 'false') -%}
        {{ return(300.0 if word == 'true' else 0.0) }}
    {%- endif -%}
    {%- set seconds = value | float(-1) -%}
    {%- if seconds < 0 -%}
        {%- do pgstream.invalid_setting('wait_for_populated', value, "true, false or seconds") -%}
    {%- endif -%}
    {{ return(seconds) }}
{% endmacro %}
