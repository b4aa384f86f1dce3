-- The scheduler leaves alone what reads a source whose gate is shut; refreshes by hand go on.
create function pgtrickle.gate_source(source text) returns void
language plpgsql strict
as $$
declare
    v_relid oid := source::pg_catalog.regclass;
begin
    insert into pgtrickle.pgt_source_gates (source_relid, gated_by) values (v_relid, 'gate_source')
    on conflict (source_relid) do update set gated = true, gated_at = now(), ungated_at = null;
    raise info 'pg_trickle: source % (oid=%) is now gated', source, v_relid;
end
$$;

create function pgtrickle.ungate_source(source text) returns void
language plpgsql strict
as $$
declare
    v_relid oid := source::pg_catalog.regclass;
begin
    update pgtrickle.pgt_source_gates g set gated = false, ungated_at = now() where g.source_relid = v_relid;
    raise info 'pg_trickle: source % (oid=%) is now ungated', source, v_relid;
end
$$;

create function pgtrickle.source_gates()
returns table (source_table text, schema_name text, gated boolean, gated_at timestamptz, ungated_at timestamptz,
    gated_by text)
language sql strict set search_path = pg_catalog
as $$
    select c.relname, n.nspname, g.gated, g.gated_at, g.ungated_at, g.gated_by
    from pgtrickle.pgt_source_gates g
    join pg_class c on c.oid = g.source_relid
    join pg_namespace n on n.oid = c.relnamespace
    order by n.nspname, c.relname
$$;
