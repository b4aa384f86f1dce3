{#
    Which project and target made a stream table: a comment on its row type, which nobody else has a use for, goes with the
    table when it is renamed or dropped, and is nobody's documentation.
#}


{# The mark of this run's model. A target is told by its schema: its name may change, and two developers' are often the same. #}
{% macro _own_mark() %}
    {{ return('dbt ' ~ tojson({'project': project_name, 'target': target.name, 'schema': target.schema, 'model': model.unique_id}, sort_keys=true)) }}
{% endmacro %}


{# The mark of a row of pg_class. #}
{% macro _mark_of(class) -%}
    pg_catalog.obj_description({{ class }}.reltype, 'pg_type')
{%- endmacro %}


{# What a mark says; nothing where there is none. #}
{% macro _read_mark(mark) %}
    {{ return(fromjson(mark[4:]) if mark and mark.startswith('dbt {') else {}) }}
{% endmacro %}


{# Whether this project and target made it. #}
{% macro _is_own(mark) %}
    {%- set said = pgstream._read_mark(mark) -%}
    {{ return(said.get('project') == project_name and said.get('schema') == target.schema) }}
{% endmacro %}


{# Marks the model's stream table, a new one or one of before there were marks; who does not own it leaves it as it is. #}
{% macro _mark(table, plan, found) %}
    {%- set stays = plan.action in ('nothing', 'alter') -%}
    {%- if pgstream._is_trial() or stays and (not found.may_mark or found.mark == pgstream._own_mark()) -%}
        {{ return('') }}
    {%- endif -%}
    {%- do pgstream._run_attempt(table, 'marked', '            comment on type ' ~ table.include(database=false) ~ ' is ' ~ pgstream._literal(pgstream._own_mark()) ~ ';') -%}
{% endmacro %}


{# A developer's run must not take the place of production's table, which `stream_table_schema` makes easy. #}
{% macro _refuse_others(table, mark, what) %}
    {%- set said = pgstream._read_mark(mark) -%}
    {%- if not said or pgstream._is_own(mark) or pgstream._var('take_over', false) is sameas true -%}
        {{ return('') }}
    {%- endif -%}
    {%- do exceptions.raise_compiler_error(what ~ ': stream table ' ~ pgstream._qualified_name(table) ~ ' was made by target ' ~ said.target ~ ' (schema ' ~ said.schema ~ ') of project ' ~ said.project
        ~ ', and this is target ' ~ target.name ~ ' (schema ' ~ target.schema ~ ') of ' ~ project_name ~ ": give each target a place of its own (stream_table_schema: \"{{ target.schema }}_live\", or dbt's schema), or say --vars '{pgstream_take_over: true}'") -%}
{% endmacro %}
