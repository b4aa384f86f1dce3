{% materialization stream_table, adapter='postgres', supported_languages=['sql'] %}

    {%- set settings = pgstream.settings() -%}
    {%- set table = this.incorporate(type='table') -%}
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

    {%- set is_new = plan.action in ('create', 'replace') -%}
    {%- if is_new -%}
        {%- do create_indexes(table) -%}
    {%- endif -%}
    {%- do apply_grants(table, config.get('grants'), should_revoke=should_revoke(not is_new, full_refresh_mode=is_new)) -%}
    {%- do persist_docs(table, model) -%}

    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {%- do adapter.commit() -%}
    {{ run_hooks(post_hooks, inside_transaction=False) }}

    {{ return({'relations': [table]}) }}

{% endmaterialization %}


{# A hook outside the transaction leaves the session in autocommit: what follows shall be one transaction again. #}
{% macro begin_after(hooks) %}
    {%- if hooks | rejectattr('transaction') | list -%}
        {%- call statement('begin', auto_begin=true) -%} begin {%- endcall -%}
    {%- endif -%}
{% endmacro %}
