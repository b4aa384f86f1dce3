{# Refuses what would be lost, and what would not fit the new one; nothing is touched. #}
{% macro _rehearse_steps(table) %}
    {%- set engine = pgstream._engine() -%}
    {%- set at = pgstream._places_of_swap(table) -%}
    {%- set internal = pgstream._literal(engine.internal_prefix) %}
    declare
        {{ pgstream._declare_both(table) }}
        v_views jsonb;
    begin
        {{ pgstream._find_both(table) }}
        {{ pgstream._refuse_hindrances() }}
        select string_agg(format('stream table %s reads its column %I', r.name, r.attname), ', ')
        into v_what
        from (
            select st.{{ engine.schema_name }} || '.' || st.{{ engine.name }} as name, a.attname
            from {{ engine.dependencies }} as d
            join {{ engine.catalog }} as st using ({{ engine.id }})
            join pg_attribute as a on a.attrelid = v_old and a.attname = any (d.columns_used)
            where d.source_relid = v_old and not starts_with(a.attname, {{ internal }})
                and not exists (
                    select
                    from pg_attribute as n
                    where n.attrelid = v_new and n.attname = a.attname
                        and (n.atttypid, n.atttypmod) = (a.atttypid, a.atttypmod)
                )
            order by 1, a.attnum
        ) as r;
        if v_what is not null then
            raise exception using errcode = 'PGSNO',
                message = v_sentence || v_what || ', which is lost or of another type: ' || {{ pgstream._way_out_of_swap() }};
        end if;
        if exists (select from {{ pgstream._views_on_old() }} as v) then
            begin
                -- Their texts name it without its schema here, and find a temporary view of that name instead.
                perform set_config('search_path', quote_ident({{ at.schema }}), true);
                v_views := (
                    select jsonb_agg(jsonb_build_object(
                        'oid', v.oid::bigint, 'name', n.nspname || '.' || c.relname, 'text', pg_get_viewdef(v.oid)
                    ))
                    from {{ pgstream._views_on_old() }} as v
                    join pg_class as c on c.oid = v.oid
                    join pg_namespace as n on n.oid = c.relnamespace
                );
                execute format('create temp view %I as select * from %I.%I', {{ at.table }}, {{ at.schema }}, {{ at.next }});
                perform set_config('search_path', 'pg_temp, ' || quote_ident({{ at.schema }}), true);
                for v_one in
                    select (v ->> 'oid')::oid as oid, v ->> 'name' as name, v ->> 'text' as text
                    from jsonb_array_elements(v_views) as v
                loop
                    begin
                        execute format('create temp view %I as %s', 'view_to_swap_' || v_one.oid, v_one.text);
                    exception when others then
                        raise exception using errcode = 'PGSNO',
                            message = v_sentence || format(
                                'view %s cannot read it any more (%s): ', v_one.name, sqlerrm
                            ) || {{ pgstream._way_out_of_swap() }};
                    end;
                    select string_agg(format('%I', a.attname), ', ' order by a.attnum) into v_what
                    from pg_attribute as a
                    where a.attrelid = v_one.oid and a.attnum > 0 and not exists (
                        select
                        from pg_attribute as n
                        where n.attrelid = to_regclass('pg_temp.view_to_swap_' || v_one.oid)
                            and (n.attnum, n.attname, n.atttypid) = (a.attnum, a.attname, a.atttypid)
                            and (n.atttypmod, n.attcollation) = (a.atttypmod, a.attcollation)
                    );
                    if v_what is not null then
                        raise exception using errcode = 'PGSNO',
                            message = v_sentence || format(
                                'column %s of view %s gets another type: ', v_what, v_one.name
                            ) || {{ pgstream._way_out_of_swap() }};
                    end if;
                end loop;
                raise exception using errcode = 'PGSGO';
            exception when sqlstate 'PGSGO' then
                null;
            end;
        end if;
    end;
{%- endmacro %}


{# Gives the new one the indexes, grants, comments and options of the old one. #}
{% macro _dress_steps(table) %}
    {%- set engine = pgstream._engine() -%}
    {%- set at = pgstream._places_of_swap(table) -%}
    {%- set internal = pgstream._literal(engine.internal_prefix) -%}
    {%- set role = "case x.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(x.grantee)) end" -%}
    {%- set option = "case when x.is_grantable then ' with grant option' end" %}
    declare
        {{ pgstream._declare_both(table) }}
        v_left_out text[] := '{}';
    begin
        {{ pgstream._find_both(table) }}
        for v_one in
            select c.relname, i.indisunique,
                split_part(
                    pg_get_indexdef(i.indexrelid), format(' ON %I.%I USING ', {{ at.schema }}, {{ at.table }}), 2
                ) as rest
            from pg_index as i
            join pg_class as c on c.oid = i.indexrelid
            where i.indrelid = v_old
                and not exists (
                    select
                    from pg_attribute as a
                    where a.attrelid = v_old and a.attnum = any (i.indkey) and starts_with(a.attname, {{ internal }})
                )
                and not exists (
                    select
                    from pg_index as n
                    where n.indrelid = v_new and split_part(pg_get_indexdef(n.indexrelid), ' USING ', 2)
                        = split_part(pg_get_indexdef(i.indexrelid), ' USING ', 2)
                )
        loop
            begin
                execute format(
                    'create %s index %I on %I.%I using %s', case when v_one.indisunique then 'unique' end,
                    'swapped_in_' || md5(v_one.relname), {{ at.schema }}, {{ at.next }}, v_one.rest
                );
            exception when undefined_column then
                v_left_out := v_left_out || v_one.relname::text;
            end;
        end loop;
        for v_one in
            select format('revoke all on %I.%I from %s', {{ at.schema }}, {{ at.next }}, {{ role }}) as text
            from pg_class as c, aclexplode(c.relacl) as x
            where c.oid = v_new and x.grantee <> c.relowner
        loop
            execute v_one.text;
        end loop;
        for v_one in
            select format(
                'grant %s on %I.%I to %s%s', x.privilege_type, {{ at.schema }}, {{ at.next }}, {{ role }}, {{ option }}
            ) as text
            from pg_class as c, aclexplode(c.relacl) as x
            where c.oid = v_old and x.grantee <> c.relowner
            union all
            select format(
                'grant %s (%I) on %I.%I to %s%s', x.privilege_type, a.attname, {{ at.schema }}, {{ at.next }}, {{ role }}, {{ option }}
            )
            from pg_attribute as a
            join pg_attribute as n on n.attrelid = v_new and n.attname = a.attname, aclexplode(a.attacl) as x
            where a.attrelid = v_old
            union all
            select format('comment on table %I.%I is %L', {{ at.schema }}, {{ at.next }}, obj_description(v_old, 'pg_class'))
            union all
            select format(
                'comment on column %I.%I.%I is %L', {{ at.schema }}, {{ at.next }}, a.attname, col_description(v_old, a.attnum)
            )
            from pg_attribute as a
            join pg_attribute as n on n.attrelid = v_new and n.attname = a.attname
            where a.attrelid = v_old and a.attnum > 0 and col_description(v_old, a.attnum) is not null
            union all
            select format('alter table %I.%I set (%s)', {{ at.schema }}, {{ at.next }}, array_to_string(c.reloptions, ', '))
            from pg_class as c
            where c.oid = v_old and c.reloptions is not null
        loop
            execute v_one.text;
        end loop;
        perform set_config('swap.left_out', array_to_string(v_left_out, ', '), false);
    end;
{%- endmacro %}


{# Lets the new one take the name, the views and the readers of the old one, and drops that. #}
{% macro _exchange_steps(table, new_id, keeps_pause) %}
    {%- set engine = pgstream._engine() -%}
    {%- set at = pgstream._places_of_swap(table) -%}
    {%- set guard = pgstream._literal('_' ~ engine.id[:3] ~ '_guard_') %}
    declare
        {{ pgstream._declare_both(table) }}
        v_owner oid;
        v_views jsonb;
        v_readers bigint[];
        v_indexes text[];
    begin
        perform set_config('lock_timeout', '100ms', true);
        perform pg_advisory_xact_lock({{ engine.creation_lock }});
        {{ pgstream._find_both(table) }}
        if v_old is null or v_is_populated is not true or v_new_id <> {{ new_id }} then
            raise exception using errcode = 'PGSNO',
                message = v_sentence || 'another session has dropped or swapped it meanwhile: try again';
        end if;
        if not (pg_try_advisory_xact_lock(v_old_id) and pg_try_advisory_xact_lock(v_new_id)) then
            raise exception using errcode = 'lock_not_available', message = 'another session is refreshing it';
        end if;
        -- Nobody reads the new one; but an autovacuum ends only for who waits longer than deadlock_timeout.
        perform set_config('lock_timeout', '3s', true);
        execute format('lock table %I.%I in access exclusive mode', {{ at.schema }}, {{ at.next }});
        perform set_config('lock_timeout', '100ms', true);
        -- Views before the table: who reads a view holds it, and waits for the table.
        v_views := {{ pgstream._views_as_json() }};
        for v_what in select v #>> '{}' from jsonb_array_elements(v_views) as v loop
            execute v_what;
        end loop;
        execute format('lock table %I.%I in access exclusive mode', {{ at.schema }}, {{ at.table }});
        {{ pgstream._refuse_hindrances() }}
        if v_views <> {{ pgstream._views_as_json() }} then
            raise exception using errcode = 'lock_not_available', message = 'its views were changed meanwhile';
        end if;
        v_owner := (select c.relowner from pg_class as c where c.oid = v_old);
        v_indexes := array(
            select format('alter index %I.%I rename to %I', {{ at.schema }}, n.relname, o.relname)
            from pg_index as i
            join pg_class as o on o.oid = i.indexrelid
            join pg_index as j on j.indrelid = v_new
            join pg_class as n on n.oid = j.indexrelid and n.relname = 'swapped_in_' || md5(o.relname)
            where i.indrelid = v_old
        );
        -- While a relation is renamed nobody reads it, or the engine's event trigger would step in.
        v_readers := array(select d.{{ engine.id }} from {{ engine.dependencies }} as d where d.source_relid = v_old);
        update {{ engine.dependencies }} set source_relid = v_new where source_relid = v_old;
        execute format('alter table %I.%I rename to %I', {{ at.schema }}, {{ at.table }}, {{ at.old }});
        update {{ engine.dependencies }} set source_relid = v_old where source_relid = v_new and {{ engine.id }} = any (v_readers);
        execute format('alter table %I.%I rename to %I', {{ at.schema }}, {{ at.next }}, {{ at.table }});
        update {{ engine.dependencies }} set source_relid = v_new where source_relid = v_old;
        update {{ engine.catalog }} set {{ engine.name }} = {{ at.old }}, updated_at = now() where {{ engine.id }} = v_old_id;
        update {{ engine.catalog }} set {{ engine.name }} = {{ at.table }}, updated_at = now() where {{ engine.id }} = v_new_id;
        for v_one in
            select
                format('%I.%I()', {{ at.schema }}, {{ guard }} || g.name) as name,
                {{ guard }} || g.other as other
            from (values (1, {{ at.table }}, {{ at.old }}), (2, {{ at.next }}, {{ at.table }})) as g (number, name, other)
            order by g.number
        loop
            if to_regprocedure(v_one.name) is not null then
                execute format('alter function %s rename to %I', v_one.name, v_one.other);
            end if;
        end loop;
        for v_what in select v #>> '{}' from jsonb_array_elements(v_views) as v loop
            execute v_what;
        end loop;
        if exists (
            select from {{ engine.catalog }} as st where st.{{ engine.schema_name }} = {{ at.schema }} and st.{{ engine.name }} = {{ at.tap }}
        ) then
            perform {{ engine.schema }}.drop_stream_table({{ at.schema }} || '.' || {{ at.tap }});
        end if;
        if exists (
            select
            from {{ engine.dependencies }} as d
            where d.{{ engine.id }} = v_old_id and not exists (select from pg_class as c where c.oid = d.source_relid)
        ) then
            -- The engine stumbles over the trigger of a source that is gone; its event trigger cleans up.
            execute format('drop table %I.%I cascade', {{ at.schema }}, {{ at.old }});
        else
            perform {{ engine.schema }}.drop_stream_table({{ at.schema }} || '.' || {{ at.old }});
        end if;
        execute format('drop function if exists %I.%I(), %I.%I()',
            {{ at.schema }}, {{ guard }} || {{ at.old }}, {{ at.schema }}, {{ guard }} || {{ at.tap }});
        foreach v_what in array v_indexes loop
            execute v_what;
        end loop;
        for v_one in
            select c.relname as name, left({{ at.table }} || substr(c.relname, length({{ at.next }}) + 1), 63) as other
            from pg_index as i
            join pg_class as c on c.oid = i.indexrelid
            where i.indrelid = v_new and starts_with(c.relname, {{ at.next }})
        loop
            if to_regclass(format('%I.%I', {{ at.schema }}, v_one.other)) is null then
                execute format('alter index %I.%I rename to %I', {{ at.schema }}, v_one.name, v_one.other);
            end if;
        end loop;
        if v_owner <> (select c.relowner from pg_class as c where c.oid = v_new) then
            execute format('alter table %I.%I owner to %I', {{ at.schema }}, {{ at.table }}, pg_get_userbyid(v_owner));
        end if;
        update {{ engine.catalog }} as st set needs_reinit = true where st.{{ engine.id }} = any (v_readers) and {{ 'true' if engine.reinit_in_full else '(' ~ engine.unscheduled ~ ') is null' }};
        {{ pgstream._alter_to_same(table) }}
        if {{ keeps_pause }} and v_status = 'SUSPENDED' then
            perform {{ engine.schema }}.alter_stream_table({{ at.schema }} || '.' || {{ at.table }}, status => 'SUSPENDED');
        end if;
    end;
{%- endmacro %}
