{#
    What the model asks of what is there, as
    {'action': create | replace | alter | nothing | build_plain, 'reason', 'changes'}.
#}
{% macro _plan(found, query, settings) %}
    {%- if pgstream._is_trial() -%}
        {{ return(pgstream._plan_trial(found)) }}
    {%- elif not found.is_stream_table -%}
        {{ return({'action': 'create', 'reason': 'it replaces a ' ~ found.kind if found.kind else 'it is new'}) }}
    {%- elif should_full_refresh() -%}
        {{ return({'action': 'replace', 'reason': 'full refresh'}) }}
    {%- endif -%}
    {%- set reason = pgstream._reason_to_replace(found, query) -%}
    {%- if reason is none -%}
        {%- set plan = pgstream._plan_changes(found, settings) -%}
    {%- elif reason == pgstream._other_query() and pgstream._can_requery(found, settings) -%}
        {{ return({'action': 'requery', 'reason': reason, 'changes': {}}) }}
    {%- else -%}
        {%- set plan = {'action': 'replace', 'reason': reason} -%}
    {%- endif -%}
    {%- if plan.action == 'replace' -%}
        {%- do pgstream._refuse_to_recreate(plan.reason) -%}
    {%- endif -%}
    {{ return(plan) }}
{% endmacro %}


{% macro _other_query() %}
    {{ return('its query changed') }}
{% endmacro %}


{% macro _refuse_to_recreate(reason) %}
    {%- if config.get('full_refresh') is sameas false -%}
        {%- do exceptions.raise_compiler_error("model " ~ model.name ~ " would have to be recreated (" ~ reason ~ "), and its configuration says full_refresh: false: remove that for this run") -%}
    {%- endif -%}
{% endmacro %}


{% macro _reason_to_replace(found, query) %}
    {%- if found.storage_is_gone -%}
        {{ return("its table was dropped or renamed behind the engine's back") }}
    {%- elif found.source_is_gone -%}
        {{ return('a source of it is gone or was recreated') }}
    {%- elif found.status == 'ERROR' -%}
        {{ return('its status is ERROR') }}
    {%- elif found.query != query and pgstream._query_text(found.query) != query -%}
        {{ return(pgstream._other_query()) }}
    {%- endif -%}
    {{ return(none) }}
{% endmacro %}


{# What the engine cannot alter in place is a replacement. #}
{% macro _plan_changes(found, settings) %}
    {%- set changes = {} -%}
    {%- set reasons = [] -%}
    {%- for key in ['schedule', 'refresh_mode', 'status'] + settings.of_engine.keys() | list -%}
        {%- set wanted = settings[key] if key in settings else settings.of_engine[key] -%}
        {%- set is = found[key] if key in settings else found.row.get(pgstream._engine().setting_columns.get(key, key)) -%}
        {%- if is != wanted and not (key == 'status' and (wanted is none or pgstream._is_made_active_by_refresh(found, wanted)) or key == 'refresh_mode' and wanted == 'AUTO') -%}
            {%- do changes.update(pgstream._reschedule(found, wanted) if key == 'schedule' else {key: wanted}) -%}
            {%- do reasons.append(key ~ ' from ' ~ ('null' if is is none else is) ~ ' to ' ~ ('null' if wanted is none else wanted)) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- set reason = reasons | join(', ') -%}
    {%- if changes and settings.on_configuration_change == 'fail' -%}
        {%- do exceptions.raise_compiler_error("model " ~ model.name ~ ": its configuration changed (" ~ reason ~ "), and on_configuration_change is fail") -%}
    {%- elif changes and settings.on_configuration_change == 'continue' -%}
        {%- do exceptions.warn("model " ~ model.name ~ ": its configuration changed (" ~ reason ~ "), and on_configuration_change is continue: the stream table is left as it is") -%}
        {%- set changes = {} -%}
    {%- endif -%}
    {%- set must_replace = 'schedule' in changes and changes.schedule is none
        or 'refresh_mode' in changes and (changes.refresh_mode != 'FULL' or found.refresh_mode == 'IMMEDIATE') -%}
    {{ return({
        'action': 'nothing' if not changes else 'replace' if must_replace else 'alter',
        'reason': reason,
        'changes': changes,
    }) }}
{% endmacro %}


{# An empty one that is made ACTIVE is taken for populated by some schedulers: its first refresh makes it ACTIVE. #}
{% macro _is_made_active_by_refresh(found, status) %}
    {{ return(status == 'ACTIVE' and found.status == 'INITIALIZING' and not found.is_populated and not pgstream._engine().scheduler_populates) }}
{% endmacro %}


{# What an alter sends to give a schedule, or to take it away: null is nothing that can be sent. #}
{% macro _reschedule(found, schedule) %}
    {%- set engine = pgstream._engine() -%}
    {%- if schedule is none -%}
        {{ return(dict({'schedule': engine.driven}, **engine.unattended_settings)) }}
    {%- endif -%}
    {{ return(dict({'schedule': schedule}, **(engine.attended_settings if found.schedule is none else {}))) }}
{% endmacro %}


{#
    Under --empty and --sample dbt puts a limit or a window into the query, which must never become a stream table's:
    one that is there is left alone, and where there is none a plain table stands in.
#}
{% macro _is_trial() %}
    {{ return(invocation_args_dict.get('empty') or invocation_args_dict.get('sample') or false) }}
{% endmacro %}


{% macro _plan_trial(found) %}
    {%- if found.is_stream_table -%}
        {%- do exceptions.warn("model " ~ model.name ~ ": its stream table is left alone under --empty and --sample") -%}
        {{ return({'action': 'nothing', 'reason': 'left alone', 'changes': {}}) }}
    {%- endif -%}
    {{ return({'action': 'build_plain', 'reason': 'a plain table, because of --empty or --sample'}) }}
{% endmacro %}
