{# The model's configuration, checked before anything is done; `of_engine` are those that only some engines have. #}
{% macro _settings() %}
    {%- set engine = pgstream._engine() -%}
    {%- do pgstream._refuse_unlogged() -%}
    {%- if config.get('meta') -%}
        {%- do pgstream._check_meta() -%}
    {%- endif -%}
    {{ return(dict(of_engine=pgstream._settings_of_engine(), **{
        'schedule': pgstream._schedule_setting(),
        'refresh_mode': pgstream._choice(pgstream._key('refresh_mode'), pgstream._setting_of(config, 'refresh_mode', engine.default_refresh_mode), pgstream._allowed('refresh_mode')),
        'initialize': pgstream._initialize_setting(),
        'status': pgstream._status_setting(),
        'refresh': pgstream._refresh_setting(),
        'wait_for_populated': pgstream._wait_setting(),
        'on_query_change': pgstream._choice(pgstream._key('on_query_change'), pgstream._setting_of(config, 'on_query_change', 'swap'), ['SWAP', 'RECREATE', 'FAIL']) | lower,
        'on_configuration_change': pgstream._choice(pgstream._key('on_configuration_change'), config.get('on_configuration_change', 'apply') | string, ['APPLY', 'CONTINUE', 'FAIL']) | lower,
    })) }}
{% endmacro %}


{% macro _refuse_unlogged() %}
    {%- if config.get('unlogged') -%}
        {%- do exceptions.raise_compiler_error(pgstream._key('unlogged') ~ ' is true, and a stream table cannot be unlogged: a crash would empty it, and the engine would take it for up to date. Leave it out, or set unlogged: false for stream tables') -%}
    {%- endif -%}
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
    {%- if not pgstream._is_schedule(value) -%}
        {%- do pgstream._refuse_value(pgstream._key('schedule'), value, "a duration such as '90s', '5m' or '1h30m', a cron expression of 5 to 7 fields, an alias such as '@hourly', or null") -%}
    {%- endif -%}
    {%- if not engine.runs_cron and pgstream._is_cron(text) -%}
        {%- do exceptions.raise_compiler_error(pgstream._key('schedule') ~ " is '" ~ text ~ "', a cron expression, which " ~ engine.extension ~ ' takes and then refreshes without pause: ' ~ pgstream._instead_of_cron(text) ~ 'give schedule: null, and refresh it from a DAG or a job that has this schedule') -%}
    {%- endif -%}
    {{ return(text) }}
{% endmacro %}


{% macro _is_schedule(value) %}
    {%- set shapes = ['\\d+', '(\\d+[smhdw])+', '@\\w+', '\\S+(\\s+\\S+){4,6}'] -%}
    {{ return(value is not boolean and modules.re.fullmatch(shapes | join('|'), value | string | trim) is not none) }}
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
    {%- set word = pgstream._choice(pgstream._key('status'), value, pgstream._allowed('status')) -%}
    {{ return('SUSPENDED' if word == 'PAUSED' else word) }}
{% endmacro %}


{#
    What each run refreshes. `auto`, the default: what nobody else does. A var speaks for a whole run, and beats the
    model's own word, but not where it says `auto`, nor where the model has its word under meta.pgstream.
#}
{% macro _refresh_setting() %}
    {%- set of_run = pgstream._var('refresh', none) -%}
    {%- set is_told = of_run is not none and of_run != 'auto' and 'refresh' not in pgstream._own_meta(config) -%}
    {%- set value = of_run if is_told else pgstream._setting_of(config, 'refresh', 'auto') -%}
    {{ return(pgstream._choice(pgstream._key('refresh'), value, pgstream._allowed('refresh')) | lower) }}
{% endmacro %}


{# Seconds; 0 is not to wait. A var on the command line may be text. #}
{% macro _wait_setting() %}
    {%- set value = pgstream._var('wait_for_populated', none) -%}
    {%- if value is none -%}
        {%- set value = pgstream._setting_of(config, 'wait_for_populated', false) -%}
    {%- endif -%}
    {%- set word = value | string | lower -%}
    {%- if word in ('true', 'false') -%}
        {{ return(300.0 if word == 'true' else 0.0) }}
    {%- endif -%}
    {{ return(pgstream._seconds(pgstream._key('wait_for_populated'), value, 'true, false or seconds')) }}
{% endmacro %}


{# The vars by which airflow-provider-pgstream makes dbt refresh and wait; it looks for this macro, to know a package that heeds them. #}
{% macro _heeded_vars() %}
    {{ return(['pgstream_refresh', 'pgstream_wait_for_populated']) }}
{% endmacro %}
