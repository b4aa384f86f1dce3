{% materialization stream_table, adapter='postgres', supported_languages=['sql'] %}

    {%- set settings = pgstream._settings() -%}
    {%- set table = pgstream._table_of(model) -%}
    {%- do pgstream._refuse_name(table) -%}
    {%- do pgstream._refuse_collision(table) -%}
    {%- set query = pgstream._query_text(sql) -%}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {%- do pgstream._begin_after(pre_hooks) -%}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {%- if config.get('contract').enforced -%}
        {%- do get_assert_columns_equivalent(sql) -%}
    {%- endif -%}

    {%- set found = pgstream._find(table) -%}
    {%- set plan = pgstream._plan(found, query, settings) -%}
    {%- if plan.action in ('create', 'replace') -%}
        {#- Another process may have created it while this one waited for the lock. -#}
        {%- do pgstream._take_creation_lock(table) -%}
        {%- set found = pgstream._find(table) -%}
        {%- set plan = pgstream._plan(found, query, settings) -%}
    {%- endif -%}

    {%- do pgstream._execute_plan(plan, found, table, query, settings) -%}
    {%- set view = pgstream._create_passthrough_view(table) -%}
    {%- do pgstream._apply_indexes_grants_and_docs(table, view, plan, found) -%}
    {%- do pgstream._warn_if_unserved(settings) -%}
    {%- if plan.action in ('create', 'replace', 'requery') -%}
        {%- do pgstream._warn_of_missing_key(query, settings) -%}
    {%- endif -%}

    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {%- do adapter.commit() -%}
    {%- if plan.action in ('alter', 'nothing') and settings.wait_for_populated > 0 and not found.is_populated and not pgstream._is_trial() -%}
        {%- do pgstream._wait_for_populated(table, settings.wait_for_populated) -%}
    {%- endif -%}
    {{ run_hooks(post_hooks, inside_transaction=False) }}

    {{ return({'relations': [table] if view is none else [table, view]}) }}

{% endmaterialization %}


{# A hook outside the transaction leaves the session in autocommit: what follows shall be one transaction again. #}
{% macro _begin_after(hooks) %}
    {%- if hooks | rejectattr('transaction') | list -%}
        {%- call statement('begin', auto_begin=true) -%} begin {%- endcall -%}
    {%- endif -%}
{% endmacro %}


{# dbt's own work: indexes of what was there before, grants, comments; grants and comments on the passthrough view, too. #}
{% macro _apply_indexes_grants_and_docs(table, view, plan, found) %}
    {%- set is_new = plan.action in ('create', 'replace', 'build_plain') -%}
    {%- if not is_new and (found.has_indexes or config.get('indexes')) and not pgstream._is_trial() -%}
        {%- do pgstream._update_indexes(table) -%}
    {%- endif -%}
    {%- for relation in [table, view] if relation is not none -%}
        {%- do apply_grants(relation, config.get('grants'), should_revoke=should_revoke(not is_new, full_refresh_mode=is_new)) -%}
        {%- do persist_docs(relation, model) -%}
    {%- endfor -%}
{% endmacro %}
