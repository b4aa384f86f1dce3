{% materialization stream_table, adapter='postgres', supported_languages=['sql'] %}

    {%- set settings = pgstream.settings() -%}
    {%- set table = pgstream.table_of(model) -%}
    {%- do pgstream.refuse_name(table) -%}
    {%- do pgstream.refuse_collision(table) -%}
    {%- set query = pgstream.engine_query(sql) -%}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {%- do pgstream.begin_after(pre_hooks) -%}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {%- if config.get('contract').enforced -%}
        {%- do get_assert_columns_equivalent(sql) -%}
    {%- endif -%}

    {%- do pgstream.require_engine() -%}
    {%- set found = pgstream.look(table) -%}
    {%- set plan = pgstream.plan(found, query, settings) -%}
    {%- if plan.action in ('create', 'replace') -%}
        {#- Another process may have created it while this one waited for the lock. -#}
        {%- do pgstream.take_creation_lock() -%}
        {%- set found = pgstream.look(table) -%}
        {%- set plan = pgstream.plan(found, query, settings) -%}
    {%- endif -%}

    {%- do pgstream.carry_out(plan, found, table, query, settings) -%}
    {%- set view = pgstream.pass_on(table) -%}
    {%- do pgstream.dress(table, view, plan, found) -%}
    {%- do pgstream.warn_if_unserved(settings) -%}

    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {%- do adapter.commit() -%}
    {%- if plan.action in ('alter', 'nothing') and settings.wait_for_populated > 0 and not found.is_populated and not pgstream.is_trial() -%}
        {%- do pgstream.wait_for_populated(table, settings.wait_for_populated) -%}
    {%- endif -%}
    {{ run_hooks(post_hooks, inside_transaction=False) }}

    {{ return({'relations': [table] if view is none else [table, view]}) }}

{% endmaterialization %}


{# A hook outside the transaction leaves the session in autocommit: what follows shall be one transaction again. #}
{% macro begin_after(hooks) %}
    {%- if hooks | rejectattr('transaction') | list -%}
        {%- call statement('begin', auto_begin=true) -%} begin {%- endcall -%}
    {%- endif -%}
{% endmacro %}


{# dbt's own finery: indexes, grants, comments; grants and comments on the view that passes the table on, too. #}
{% macro dress(table, view, plan, found) %}
    {%- set is_new = plan.action in ('create', 'replace', 'build_plain') -%}
    {%- if is_new -%}
        {%- do create_indexes(table) -%}
    {%- elif (found.has_indexes or config.get('indexes')) and not pgstream.is_trial() -%}
        {%- do pgstream.update_indexes(table) -%}
    {%- endif -%}
    {%- for relation in [table, view] if relation is not none -%}
        {%- do apply_grants(relation, config.get('grants'), should_revoke=should_revoke(not is_new, full_refresh_mode=is_new)) -%}
        {%- do persist_docs(relation, model) -%}
    {%- endfor -%}
{% endmacro %}
