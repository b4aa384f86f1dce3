{#
    Whether a stream table may be refreshed by its changes: engines get some queries wrong, and do not say so. `checked`:
    only where its query was tried on this engine and version, and stayed right. `engine`: as the engine does it, unless
    the query was found wrong. The provider's check leaves its verdicts in a table of the database.
#}


{# PL/pgSQL that finds `v_distrust`: why a differential refresh is not trusted; null where it is. #}
{% macro _distrust_steps(table) %}
        {%- if pgstream._keeps_verdicts() %}
        select case v.verdict when 'wrong' then 'goes wrong' when 'fails' then 'fails after some changes' when 'refused' then 'is refused' else v.verdict end
        into v_distrust
        from pgstream_check.verdicts as v
        where v.query_hash = {{ pgstream._query_hash('v_seen.query') }}
            and v.engine = {{ pgstream._literal(pgstream._engine().extension) }}
            and v.version = {{ pgstream._literal(pgstream._engine().found.version) }}
            and v.refresh_mode in ('DIFFERENTIAL', 'AUTO')
        order by v.verdict <> 'right' desc
        limit 1;
        {%- endif %}
        v_distrust := case
            when v_distrust = 'right' then null
            when v_distrust <> 'unknown' then 'its query was tried on this engine, and ' || v_distrust || '; create it in FULL mode'
            {%- if pgstream._trust_of(table) == 'checked' %}
            else 'its query ' || case when v_distrust is null then 'was not tried on this engine and version' else 'could not be tried' end
                || ', and only what was and stayed right is trusted: check it with python -m airflow_provider_pgstream.check, or believe the engine with trust: engine'
            {%- endif %}
        end;
{%- endmacro %}


{# What identifies a query, whatever its blanks; the provider does the same. #}
{% macro _query_hash(query) -%}
    md5(btrim(regexp_replace({{ query }}, '[\s;]+', ' ', 'g')))
{%- endmacro %}


{# Whether somebody has checked queries in this database; asked once per run. #}
{% macro _keeps_verdicts() %}
    {%- set known = pgstream._known_of_database() -%}
    {%- if 'keeps_verdicts' not in known -%}
        {%- do known.update({'keeps_verdicts': pgstream._rows("select to_regclass('pgstream_check.verdicts') is not null as one")[0].one}) -%}
    {%- endif -%}
    {{ return(known.keeps_verdicts) }}
{% endmacro %}


{# `checked` or `engine`: by the model, the var, or the engine; the emulator is believed. #}
{% macro _trust_of(table) %}
    {%- set engine = pgstream._engine() -%}
    {%- set default = 'engine' if engine.keeps_most_right or engine.found.version.endswith('-emulator') else 'checked' -%}
    {%- set subject = 'stream table ' ~ pgstream._qualified_name(table) ~ ': trust' -%}
    {%- set value = pgstream._configured(table, 'trust', var('pgstream_trust', default)) -%}
    {{ return(pgstream._choice(subject, value, ['CHECKED', 'ENGINE']) | lower) }}
{% endmacro %}


{# `off`, or what is done where rows differ after a refresh: `fail` or `repair`. YAML reads off as false. #}
{% macro _verify_of(table) %}
    {%- set value = pgstream._configured(table, 'verify', 'off') -%}
    {%- set subject = 'stream table ' ~ pgstream._qualified_name(table) ~ ': verify' -%}
    {{ return('off' if value is sameas false else pgstream._choice(subject, value, ['FAIL', 'REPAIR', 'OFF']) | lower) }}
{% endmacro %}


{# A key of the model that stands for a stream table, or for the one that is to take its place. #}
{% macro _configured(table, key, default) %}
    {%- for node in pgstream._stream_table_models() -%}
        {%- set own = pgstream._table_of(node) -%}
        {%- if own.schema == table.schema and table.identifier in (own.identifier, pgstream._beside(own, '__next').identifier) -%}
            {{ return(pgstream._setting_of(node.config, key, default)) }}
        {%- endif -%}
    {%- endfor -%}
    {{ return(default) }}
{% endmacro %}


{# PL/pgSQL that compares what was refreshed with its query, in the same transaction, and fails or recomputes it where rows differ. #}
{% macro _verify_refreshed_steps(table, seen) %}
    {%- set verify = pgstream._verify_of(table) -%}
    {%- if verify != 'off' %}
        {%- set comparison = pgstream._comparison(table, pgstream._query_text(seen.query), pgstream._compared_columns(seen.storage_oid), 0) %}
        {{- pgstream._compare_into('v_compared', comparison) }}
        {%- if verify == 'repair' and seen.refresh_mode == 'DIFFERENTIAL' %}
        if not {{ pgstream._is_equal() }} then
            v_reason := format('it differed from its query after a differential refresh: %s rows were missing, %s should not have been there', v_compared ->> 'missing', v_compared ->> 'surplus');
            v_full := true;
            {{ pgstream._recompute_steps('stream table ' ~ pgstream._qualified_name(table), seen) }}
            {{ pgstream._call_refresh(pgstream._literal(pgstream._qualified_name(table)), seen) }}
            {{- pgstream._compare_into('v_compared', comparison) }}
        end if;
        {%- endif %}
        if not {{ pgstream._is_equal() }} then
            raise exception using errcode = 'PGSNO', message = format(
                {{ pgstream._literal('stream table ' ~ pgstream._qualified_name(table) | replace('%', '%%') ~ ' was not refreshed: it would differ from its query: %s rows missing, %s that should not be there. Its engine gets the query wrong: refresh_mode: FULL, or verify: repair') }},
                v_compared ->> 'missing', v_compared ->> 'surplus');
        end if;
    {%- endif %}
{%- endmacro %}


{% macro _is_equal() -%}
    v_compared @> '{"surplus": 0, "missing": 0}'
{%- endmacro %}
