{#
    What the model asks of what is there, as
    {'action': create | replace | alter | nothing | build_plain, 'reason', 'changes'}.
#}
{% macro plan(found, query, settings) %}
    {%- if pgstream.is_trial() -%}
        {{ return(pgstream.plan_trial(found)) }}
    {%- elif not found.is_stream_table -%}
        {{ return({'action': 'create', 'reason': 'it replaces a ' ~ found.kind if found.kind else 'it is new'}) }}
    {%- elif should_full_refresh() -%}
        {{ return({'action': 'replace', 'reason': 'full refresh'}) }}
    {%- endif -%}
    {%- set reason = pgstream.reason_to_replace(found, query) -%}
    {%- if reason is none -%}
        {%- set plan = pgstream.plan_changes(found, settings) -%}
    {%- else -%}
        {%- set plan = {'action': 'replace', 'reason': reason} -%}
    {%- endif -%}
    {%- if plan.action == 'replace' and config.get('full_refresh') is sameas false -%}
        {{ exceptions.raise_compiler_error("model " ~ model.name ~ " would have to be recreated (" ~ plan.reason ~ "), and its configuration says full_refresh: false: remove that for this run") }}
    {%- endif -%}
    {{ return(plan) }}
{% endmacro %}


{% macro reason_to_replace(found, query) %}
    {%- if found.storage_is_gone -%}
        {{ return("its table was dropped or renamed behind the engine's back") }}
    {%- elif found.source_is_gone -%}
        {{ return('a source of it is gone or was recreated') }}
    {%- elif found.status == 'ERROR' -%}
        {{ return('its status is ERROR') }}
    {%- elif found.query != query and pgstream.engine_query(found.query) != query -%}
        {{ return('its query changed') }}
    {%- endif -%}
    {{ return(none) }}
{% endmacro %}


{#
    A schedule cannot be altered to null, and a table made for FULL has no room for what DIFFERENTIAL counts: these
    changes are replacements.
#}
{% macro plan_changes(found, settings) %}
    {%- set changes = {} -%}
    {%- set reasons = [] -%}
    {%- for key in ['schedule', 'refresh_mode', 'status'] -%}
        {%- set wanted = settings[key] -%}
        {%- if found[key] != wanted and not (key == 'status' and wanted is none) -%}
            {%- do changes.update({key: wanted}) -%}
            {%- do reasons.append(key ~ ' from ' ~ (found[key] or 'null') ~ ' to ' ~ (wanted or 'null')) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- set reason = reasons | join(', ') -%}
    {%- if changes and settings.on_configuration_change == 'fail' -%}
        {{ exceptions.raise_compiler_error("model " ~ model.name ~ ": its configuration changed (" ~ reason ~ "), and on_configuration_change is fail") }}
    {%- elif changes and settings.on_configuration_change == 'continue' -%}
        {%- do exceptions.warn("model " ~ model.name ~ ": its configuration changed (" ~ reason ~ "), and on_configuration_change is continue: the stream table is left as it is") -%}
        {%- set changes = {} -%}
    {%- endif -%}
    {%- set must_replace = ('schedule' in changes and settings.schedule is none) or changes.get('refresh_mode') == 'DIFFERENTIAL' -%}
    {{ return({
        'action': 'nothing' if not changes else 'replace' if must_replace else 'alter',
        'reason': reason,
        'changes': changes,
    }) }}
{% endmacro %}


{#
    Under --empty and --sample dbt puts a limit or a window into the query, which must never become a stream table's:
    one that is there is left alone, and where there is none a plain table stands in.
#}
{% macro is_trial() %}
    {{ return(invocation_args_dict.get('empty') or invocation_args_dict.get('sample') or false) }}
{% endmacro %}


{% macro plan_trial(found) %}
    {%- if found.is_stream_table -%}
        {%- do exceptions.warn("model " ~ model.name ~ ": its stream table is left alone under --empty and --sample") -%}
        {{ return({'action': 'nothing', 'reason': 'left alone', 'changes': {}}) }}
    {%- endif -%}
    {{ return({'action': 'build_plain', 'reason': 'a plain table, because of --empty or --sample'}) }}
{% endmacro %}
