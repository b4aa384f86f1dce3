{# The model's configuration, checked before anything is done; `of_engine` are those that only some engines have. #}
{% macro _settings() %}
    {%- set engine = pgstream._engine() -%}
    {{ return(dict(of_engine=pgstream._settings_of_engine(), **{
        'schedule': pgstream._schedule_setting(),
        'refresh_mode': pgstream._choice(pgstream._key('refresh_mode'), pgstream._setting_of(config, 'refresh_mode', engine.default_refresh_mode), engine.refresh_modes),
        'initialize': pgstream._initialize_setting(),
        'status': pgstream._status_setting(),
        'refresh': pgstream._refresh_setting(),
        'wait_for_populated': pgstream._wait_setting(),
        'on_configuration_change': pgstream._choice(pgstream._key('on_configuration_change'), config.get('on_configuration_change', 'apply') | string, ['APPLY', 'CONTINUE', 'FAIL']) | lower,
    })) }}
{% endmacro %}


{# A key of a model's configuration, else of its meta; an explicit null is a value. #}
{% macro _setting_of(node_config, key, default) %}
    {%- set absent = '(absent)' -%}
    {%- set value = node_config.get(key, absent) -%}
    {%- if value == absent -%}
        {%- set value = (node_config.get('meta') or {}).get(key, default) -%}
    {%- endif -%}
    {{ return(value) }}
{% endmacro %}


{# A key of this model's configuration, as a refusal names it. #}
{% macro _key(key) %}
    {{ return('model ' ~ model.name ~ ': ' ~ key) }}
{% endmacro %}


{% macro _schedule_setting() %}
    {%- set value = pgstream._setting_of(config, 'schedule', pgstream._engine().default_schedule) -%}
    {%- if value is none -%}
        {{ return(none) }}
    {%- endif -%}
    {%- set engine = pgstream._engine() -%}
    {%- set text = value | string | trim -%}
    {%- if engine.driven is not none and text | lower == engine.driven -%}
        {{ return(engine.driven) }}
    {%- endif -%}
    {%- set shapes = ['\\d+', '(\\d+[smhdw])+', '@\\w+', '\\S+(\\s+\\S+){4,6}'] -%}
    {%- if value is boolean or not modules.re.fullmatch(shapes | join('|'), text) -%}
        {%- do pgstream._refuse_value(pgstream._key('schedule'), value, "a duration such as '90s', '5m' or '1h30m', a cron expression of 5 to 7 fields, an alias such as '@hourly', or null") -%}
    {%- endif -%}
    {%- if not engine.runs_cron and pgstream._is_cron(text) -%}
        {%- do exceptions.raise_compiler_error(pgstream._key('schedule') ~ " is '" ~ text ~ "', a cron expression, which " ~ engine.extension ~ ' takes and then refreshes without pause: ' ~ pgstream._instead_of_cron(text) ~ 'give schedule: null, and refresh it from a DAG or a job that has this schedule') -%}
    {%- endif -%}
    {{ return(text) }}
{% endmacro %}


{% macro _is_cron(text) %}
    {{ return(text.startswith('@') or text.split() | length >= 5) }}
{% endmacro %}


{# A duration about as long as the pauses of a cron expression, as the beginning of a sentence; nothing if that is hard to tell. #}
{% macro _instead_of_cron(text) %}
    {%- set aliases = {'@yearly': '52w', '@annually': '52w', '@monthly': '4w', '@weekly': '1w', '@daily': '1d', '@midnight': '1d', '@hourly': '1h'} -%}
    {%- set shapes = [
        ('\\*/(\\d+) \\* \\* \\* \\*', 'm'), ('\\d+ \\*/(\\d+) \\* \\* \\*', 'h'), ('\\* \\* \\* \\* \\*()', 'm'),
        ('\\d+ \\* \\* \\* \\*()', 'h'), ('\\d+ \\d+ \\* \\* \\*()', 'd'), ('\\d+ \\d+ \\* \\* \\w+()', 'w'),
    ] -%}
    {%- set plain = text.split() | join(' ') -%}
    {%- set found = namespace(duration=aliases.get(plain | lower)) -%}
    {%- for shape, unit in shapes if found.duration is none -%}
        {%- set match = modules.re.fullmatch(shape, plain) -%}
        {%- if match -%}
            {%- set found.duration = (match.group(1) or '1') ~ unit -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return("about as often is schedule: '" ~ found.duration ~ "'; or " if found.duration else '') }}
{% endmacro %}


{% macro _initialize_setting() %}
    {%- set value = pgstream._setting_of(config, 'initialize', true) -%}
    {%- if value is not boolean -%}
        {%- do pgstream._refuse_value(pgstream._key('initialize'), value, "true or false") -%}
    {%- endif -%}
    {{ return(value) }}
{% endmacro %}


{# The engine's word for a paused table is SUSPENDED. #}
{% macro _status_setting() %}
    {%- set value = pgstream._setting_of(config, 'status', none) -%}
    {%- if value is none -%}
        {{ return(none) }}
    {%- endif -%}
    {%- set word = pgstream._choice(pgstream._key('status'), value, ['ACTIVE', 'PAUSED', 'SUSPENDED']) -%}
    {{ return('SUSPENDED' if word == 'PAUSED' else word) }}
{% endmacro %}


{#
    Where a run of Cosmos cannot gate a model from outside, the var says what its gate would do; the model's own word
    for its gate, under meta.pgstream, goes before it. `auto` is such a word: what nobody else will refresh.
#}
{% macro _refresh_setting() %}
    {%- set value = var('pgstream_refresh', none) -%}
    {%- if value is none -%}
        {%- set value = pgstream._setting_of(config, 'refresh', 'never') -%}
    {%- else -%}
        {%- set value = ((config.get('meta') or {}).get('pgstream') or {}).get('refresh', value) -%}
    {%- endif -%}
    {%- set word = pgstream._choice(pgstream._key('refresh'), value, ['NEVER', 'UNPOPULATED', 'ALWAYS', 'AUTO']) | lower -%}
    {%- if word == 'auto' -%}
        {%- set word = 'always' if pgstream._schedule_setting() is none else 'unpopulated' -%}
    {%- endif -%}
    {{ return(word) }}
{% endmacro %}


{# Seconds; 0 is not to wait. A var on the command line may be text. #}
{% macro _wait_setting() %}
    {%- set value = var('pgstream_wait_for_populated', none) -%}
    {%- if value is none -%}
        {%- set value = pgstream._setting_of(config, 'wait_for_populated', false) -%}
    {%- endif -%}
    {%- set word = value | string | lower -%}
    {%- if word in ('true', 'false') -%}
        {{ return(300.0 if word == 'true' else 0.0) }}
    {%- endif -%}
    {{ return(pgstream._seconds(pgstream._key('wait_for_populated'), value, 'true, false or seconds')) }}
{% endmacro %}
