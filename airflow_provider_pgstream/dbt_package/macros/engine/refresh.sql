{#
    The safe refresh, as PL/pgSQL statements for `attempt`. The engine never looks again at what a transaction that
    is still open wrote before a refresh, so every ordinary source of a differential table is locked against writers
    first, in the order of oids. What the engine marks for reinitialisation, and what the caller asks to be
    recomputed, is refreshed in full: its mode is FULL for the length of the refresh.
#}
{% macro refresh_steps(table, full=false) %}
    {{ return(adapter.dispatch('refresh_steps', 'pgstream')(table, full)) }}
{% endmacro %}


{% macro default__refresh_steps(table, full) %}
    {%- set engine = pgstream.engine() -%}
    {%- set name = pgstream.literal(pgstream.engine_name(table)) -%}
    {%- set steps %}
            v_id := null;
            select st.{{ engine.id }}, st.refresh_mode = 'DIFFERENTIAL' and (st.needs_reinit or {{ full }})
            into v_id, v_needs_full
            from {{ engine.stream_tables }} as st
            where st.{{ engine.schema_name }} = {{ pgstream.literal(table.schema) }}
                and st.{{ engine.name }} = {{ pgstream.literal(table.identifier) }};
            if v_id is null then
                raise undefined_table using message = 'there is no stream table of that name';
            end if;
            for v_source in
                select format('%I.%I', n.nspname, c.relname) as name, c.oid
                from {{ engine.stream_tables }} as st
                join {{ engine.dependencies }} as d using ({{ engine.id }})
                join pg_catalog.pg_class as c on c.oid = d.source_relid
                join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
                where st.{{ engine.id }} = v_id and st.refresh_mode = 'DIFFERENTIAL' and d.source_type = 'TABLE'
                order by c.oid
            loop
                if not has_table_privilege(v_source.oid, 'update, delete, truncate, maintain') then
                    raise insufficient_privilege using
                        message = format('role %I may not lock its source %s, and without the lock rows can be lost', current_user, v_source.name),
                        hint = format('grant maintain on %s to %I', v_source.name, current_user);
                end if;
                v_locking := v_source.oid;
                execute format('lock table %s in share mode', v_source.name);
            end loop;
            v_locking := null;
            if v_needs_full then
                perform {{ engine.alter }}({{ name }}, refresh_mode => 'FULL');
            end if;
            perform {{ engine.refresh }}({{ name }});
            if v_needs_full then
                perform {{ engine.alter }}({{ name }}, refresh_mode => 'DIFFERENTIAL');
            end if;
    {%- endset -%}
    {{ return(steps) }}
{% endmacro %}
