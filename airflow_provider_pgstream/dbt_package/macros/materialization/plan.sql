{#
    What the model asks of what is there: {'action': create | replace | alter | nothing, 'reason', 'changes'}.
#}
{% macro plan(found, query, settings) %}
    {%- if not found.is_stream_table -%}
        {{ return({'action': 'create', 'reason': 'it replaces a ' ~ found.kind if found.kind else 'it is new'}) }}
    {%- endif -%}
    {%- if should_full_refresh() -%}
        {{ return({'action': 'replace', 'reason': 'full refresh'}) }}
    {%- endif -%}
    {%- set reason = pgstream.reason_to_replace(found, query) -%}
    {%- if reason is not none -%}
        {{ return({'action': 'replace', 'reason': reason}) }}
    {%- endif -%}
    {{ return(pgstream.plan_changes(found, settings)) }}
{% endmacro %}


{% macro reason_to_replace(found, query) %}
    {%- if found.storage_is_gone -%}
        {{ return('its table was dropped or renamed behind the engine\'s back') }}
    {%- elif found.source_is_gone -%}
        {{ return('a source of it is gone or was recreated') }}
    {%- elif found.status == 'ERROR' -%}
        {{ return('its status is ERROR') }}
    {%- elif pgstream.engine_query(found.query) != query -%}
        {{ return('its query changed') }}
    {%- endif -%}
    {{ return(none) }}
{% endmacro %}


{# What an alter cannot do (a schedule back to null; a FULL table has no room for what DIFFERENTIAL counts) is a replacement. #}
{% macro plan_changes(found, settings) %}
    {%- set changes = {} -%}
    {%- set reasons = [] -%}
    {%- for key in ['schedule', 'refresh_mode', 'status'] -%}
        {%- set wanted = settings[key] -%}
        {%- if found[key] != wanted and not (key == 'status' and wanted is none) -%}
            {%- do changes.update({key: wanted}) -%}
            {%- do reasons.append(key ~ ' ' ~ (found[key] or 'null') ~ ' -> ' ~ (wanted or 'null')) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- set must_replace = ('schedule' in changes and settings.schedule is none) or changes.get('refresh_mode') == 'DIFFERENTIAL' -%}
    {{ return({
        'action': 'nothing' if not changes else 'replace' if must_replace else 'alter',
        'reason': reasons | join(', '),
        'changes': changes,
    }) }}
{% endmacro %}
