"""The PL/pgSQL of a swap, with ``{names}`` to fill; the dbt package has the same."""

from __future__ import annotations

REHEARSE = """
declare
    {both}
    v_views jsonb;
begin
    {find_both}
    {refuse_hindrances}
    select string_agg(format('stream table %s reads its column %I', r.name, r.attname), ', ')
    into v_what
    from (
        select st.{prefix}_schema || '.' || st.{prefix}_name as name, a.attname
        from {dependencies} as d
        join {catalog} as st using ({id})
        join pg_attribute as a on a.attrelid = v_old and a.attname = any (d.columns_used)
        where d.source_relid = v_old and not starts_with(a.attname, {internal})
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
            message = v_sentence || v_what || ', which is lost or of another type: ' || {way_out};
    end if;
    if exists (select from {views} as v) then
        begin
            -- Their texts name it without its schema here, and find a temporary view of that name instead.
            perform set_config('search_path', quote_ident({schema}), true);
            v_views := (
                select jsonb_agg(jsonb_build_object(
                    'oid', v.oid::bigint, 'name', n.nspname || '.' || c.relname, 'text', pg_get_viewdef(v.oid)
                ))
                from {views} as v
                join pg_class as c on c.oid = v.oid
                join pg_namespace as n on n.oid = c.relnamespace
            );
            execute format('create temp view %I as select * from %I.%I', {table}, {schema}, {next});
            perform set_config('search_path', 'pg_temp, ' || quote_ident({schema}), true);
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
                        ) || {way_out};
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
                        ) || {way_out};
                end if;
            end loop;
            raise exception using errcode = 'PGSGO';
        exception when sqlstate 'PGSGO' then
            null;
        end;
    end if;
end
"""


DRESS = """
declare
    {both}
    v_left_out text[] := '{}';
begin
    {find_both}
    for v_one in
        select c.relname, i.indisunique,
            split_part(
                pg_get_indexdef(i.indexrelid), format(' ON %I.%I USING ', {schema}, {table}), 2
            ) as rest
        from pg_index as i
        join pg_class as c on c.oid = i.indexrelid
        where i.indrelid = v_old
            and not exists (
                select
                from pg_attribute as a
                where a.attrelid = v_old and a.attnum = any (i.indkey) and starts_with(a.attname, {internal})
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
                'swapped_in_' || md5(v_one.relname), {schema}, {next}, v_one.rest
            );
        exception when undefined_column then
            v_left_out := v_left_out || v_one.relname::text;
        end;
    end loop;
    for v_one in
        select format('revoke all on %I.%I from %s', {schema}, {next}, {role}) as text
        from pg_class as c, aclexplode(c.relacl) as x
        where c.oid = v_new and x.grantee <> c.relowner
    loop
        execute v_one.text;
    end loop;
    for v_one in
        select format(
            'grant %s on %I.%I to %s%s', x.privilege_type, {schema}, {next}, {role}, {option}
        ) as text
        from pg_class as c, aclexplode(c.relacl) as x
        where c.oid = v_old and x.grantee <> c.relowner
        union all
        select format(
            'grant %s (%I) on %I.%I to %s%s', x.privilege_type, a.attname, {schema}, {next}, {role}, {option}
        )
        from pg_attribute as a
        join pg_attribute as n on n.attrelid = v_new and n.attname = a.attname, aclexplode(a.attacl) as x
        where a.attrelid = v_old
        union all
        select format('comment on table %I.%I is %L', {schema}, {next}, obj_description(v_old, 'pg_class'))
        union all
        select format(
            'comment on column %I.%I.%I is %L', {schema}, {next}, a.attname, col_description(v_old, a.attnum)
        )
        from pg_attribute as a
        join pg_attribute as n on n.attrelid = v_new and n.attname = a.attname
        where a.attrelid = v_old and a.attnum > 0 and col_description(v_old, a.attnum) is not null
        union all
        select format('alter table %I.%I set (%s)', {schema}, {next}, array_to_string(c.reloptions, ', '))
        from pg_class as c
        where c.oid = v_old and c.reloptions is not null
    loop
        execute v_one.text;
    end loop;
    perform set_config('swap.left_out', array_to_string(v_left_out, ', '), false);
end
"""


EXCHANGE = """
declare
    {both}
    v_owner oid;
    v_views jsonb;
    v_readers bigint[];
    v_indexes text[];
begin
    perform set_config('lock_timeout', {lock_timeout}, true);
    perform pg_advisory_xact_lock({creation_lock});
    {find_both}
    if v_old is null or v_is_populated is not true then
        raise exception using errcode = 'PGSNO',
            message = v_sentence || 'another session has dropped or swapped it meanwhile: try again';
    end if;
    if not (pg_try_advisory_xact_lock(v_old_id) and pg_try_advisory_xact_lock(v_new_id)) then
        raise exception using errcode = 'lock_not_available', message = 'another session is refreshing it';
    end if;
    -- Nobody reads the new one; but an autovacuum ends only for who waits longer than deadlock_timeout.
    perform set_config('lock_timeout', '3s', true);
    execute format('lock table %I.%I in access exclusive mode', {schema}, {next});
    perform set_config('lock_timeout', {lock_timeout}, true);
    -- Views before the table: who reads a view holds it, and waits for the table.
    v_views := {views_as_json};
    for v_what in select v #>> '{}' from jsonb_array_elements(v_views) as v loop
        execute v_what;
    end loop;
    execute format('lock table %I.%I in access exclusive mode', {schema}, {table});
    {refuse_hindrances}
    if v_views <> {views_as_json} then
        raise exception using errcode = 'lock_not_available', message = 'its views were changed meanwhile';
    end if;
    v_owner := (select c.relowner from pg_class as c where c.oid = v_old);
    v_indexes := array(
        select format('alter index %I.%I rename to %I', {schema}, n.relname, o.relname)
        from pg_index as i
        join pg_class as o on o.oid = i.indexrelid
        join pg_index as j on j.indrelid = v_new
        join pg_class as n on n.oid = j.indexrelid and n.relname = 'swapped_in_' || md5(o.relname)
        where i.indrelid = v_old
    );
    -- While a relation is renamed nobody reads it, or the engine's event trigger would step in.
    v_readers := array(select d.{id} from {dependencies} as d where d.source_relid = v_old);
    update {dependencies} set source_relid = v_new where source_relid = v_old;
    execute format('alter table %I.%I rename to %I', {schema}, {table}, {old});
    update {dependencies} set source_relid = v_old where source_relid = v_new and {id} = any (v_readers);
    execute format('alter table %I.%I rename to %I', {schema}, {next}, {table});
    update {dependencies} set source_relid = v_new where source_relid = v_old;
    update {catalog} set {prefix}_name = {old}, updated_at = now() where {id} = v_old_id;
    update {catalog} set {prefix}_name = {table}, updated_at = now() where {id} = v_new_id;
    for v_one in
        select
            format('%I.%I()', {schema}, '_{prefix}_guard_' || g.name) as name,
            '_{prefix}_guard_' || g.other as other
        from (values (1, {table}, {old}), (2, {next}, {table})) as g (number, name, other)
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
        select from {catalog} as st where st.{prefix}_schema = {schema} and st.{prefix}_name = {tap}
    ) then
        perform {api}.drop_stream_table({schema} || '.' || {tap});
    end if;
    if exists (
        select
        from {dependencies} as d
        where d.{id} = v_old_id and not exists (select from pg_class as c where c.oid = d.source_relid)
    ) then
        -- The engine stumbles over the trigger of a source that is gone; its event trigger cleans up.
        execute format('drop table %I.%I cascade', {schema}, {old});
    else
        perform {api}.drop_stream_table({schema} || '.' || {old});
    end if;
    execute format('drop function if exists %I.%I(), %I.%I()',
        {schema}, '_{prefix}_guard_' || {old}, {schema}, '_{prefix}_guard_' || {tap});
    foreach v_what in array v_indexes loop
        execute v_what;
    end loop;
    for v_one in
        select c.relname as name, left({table} || substr(c.relname, length({next}) + 1), 63) as other
        from pg_index as i
        join pg_class as c on c.oid = i.indexrelid
        where i.indrelid = v_new and starts_with(c.relname, {next})
    loop
        if to_regclass(format('%I.%I', {schema}, v_one.other)) is null then
            execute format('alter index %I.%I rename to %I', {schema}, v_one.name, v_one.other);
        end if;
    end loop;
    if v_owner <> (select c.relowner from pg_class as c where c.oid = v_new) then
        execute format('alter table %I.%I owner to %I', {schema}, {table}, pg_get_userbyid(v_owner));
    end if;
    update {catalog} as st set needs_reinit = true where st.{id} = any (v_readers) and {is_marked};
    {alter_to_same}
    if {keeps_pause} and v_status = 'SUSPENDED' then
        perform {api}.alter_stream_table({schema} || '.' || {table}, status => 'SUSPENDED');
    end if;
end
"""
