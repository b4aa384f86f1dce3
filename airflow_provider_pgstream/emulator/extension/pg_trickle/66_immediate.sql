-- A stream table in IMMEDIATE mode is kept within the transaction that writes to its sources, by triggers there.

create function pgtrickle_emulator.start_maintaining(v_pgt_id bigint) returns void
language plpgsql set search_path = pg_catalog
as $$
declare
    v_relid oid;
begin
    for v_relid in select pgtrickle_emulator.tables_of(v_pgt_id) loop
        execute format(
            'create trigger pgt_ivm_after_%1$s after insert or update or delete or truncate on %2$s
             for each statement execute function pgtrickle_emulator.maintain(%1$s)', v_pgt_id, v_relid::regclass);
    end loop;
end
$$;

create function pgtrickle_emulator.stop_maintaining(v_pgt_id bigint) returns void
language plpgsql set search_path = pg_catalog
as $$
declare
    v_relid oid;
begin
    for v_relid in select pgtrickle_emulator.tables_of(v_pgt_id) loop
        execute format('drop trigger if exists pgt_ivm_after_%s on %s', v_pgt_id, v_relid::regclass);
    end loop;
end
$$;

-- The tables that it reads, without those that are gone.
create function pgtrickle_emulator.tables_of(v_pgt_id bigint) returns setof oid
language sql stable set search_path = pg_catalog
as $$
    select d.source_relid from pgtrickle.pgt_dependencies d join pg_class c on c.oid = d.source_relid
    where d.pgt_id = v_pgt_id and d.source_type = 'TABLE' order by d.source_relid
$$;

-- Writers wait for one another here, so that each computes the query on what the other has committed.
create function pgtrickle_emulator.maintain() returns trigger
language plpgsql security definer
as $$
declare
    st pgtrickle.pgt_stream_tables;
begin
    select s.* into st from pgtrickle.pgt_stream_tables s
    where s.pgt_id = tg_argv[0]::bigint and s.status = 'ACTIVE' for update;
    if found then
        perform pgtrickle_emulator.refresh(st, pgtrickle_emulator.moment_of(st), 'DIFFERENCES');
    end if;
    return null;
end
$$;
