{#
    What a trial run (--empty, --sample) builds on a database without the extension: a plain table at the model's own
    place, so that whatever reads it can be built, too.
#}
{% macro _build_stand_in() %}
    {%- set table = this.incorporate(type='table') -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {%- do pgstream._begin_after(pre_hooks) -%}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {%- set existing = load_cached_relation(this) -%}
    {%- if existing is not none -%}
        {%- do adapter.drop_relation(existing) -%}
    {%- endif -%}
    {%- call statement('main') -%}
        {{ get_create_table_as_sql(False, table, sql) }}
    {%- endcall -%}
    {%- do create_indexes(table) -%}
    {%- do apply_grants(table, config.get('grants'), should_revoke=false) -%}
    {%- do persist_docs(table, model) -%}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {%- do adapter.commit() -%}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [table]}) }}
{% endmacro %}
