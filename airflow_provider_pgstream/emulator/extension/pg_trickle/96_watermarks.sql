-- How far a loader has come in each source, and whether sources that belong together are level.
create table pgtrickle.pgt_watermarks (
    source_relid oid primary key,
    watermark timestamptz not null,
    updated_at timestamptz not null default now(),
    advanced_by text,
    wal_lsn_at_advance text
);

create table pgtrickle.pgt_watermark_groups (
    group_id serial primary key,
    group_name text not null unique,
    source_relids oid[] not null,
    tolerance_secs float8 not null default 0,
    created_at timestamptz not null default now()
);

create function pgtrickle.advance_watermark(source text, watermark timestamptz) returns void
language plpgsql strict
as $$
declare
    v_relid oid := source::pg_catalog.regclass;
begin
    if exists (select from pgtrickle.pgt_watermarks w
               where w.source_relid = v_relid and w.watermark > advance_watermark.watermark)
    then
        perform pgtrickle_emulator.refuse('WATERMARK',
            'watermark moved backward: new watermark is older than current for source OID ' || v_relid);
    end if;
    insert into pgtrickle.pgt_watermarks (source_relid, watermark, advanced_by, wal_lsn_at_advance)
    values (v_relid, advance_watermark.watermark, current_user, pg_catalog.pg_current_wal_insert_lsn()::text)
    on conflict (source_relid) do update set watermark = excluded.watermark, updated_at = now(),
        advanced_by = excluded.advanced_by, wal_lsn_at_advance = excluded.wal_lsn_at_advance;
    raise info 'pg_trickle: watermark for % (oid=%) advanced', source, v_relid;
end
$$;

create function pgtrickle.create_watermark_group(group_name text, sources text[], tolerance_secs float8 default 0.0)
returns int
language plpgsql strict
as $$
declare
    v_relids oid[] := array(select s::pg_catalog.regclass::oid from unnest(sources) s);
    v_id int;
begin
    if cardinality(v_relids) < 2 then
        perform pgtrickle_emulator.refuse('WATERMARK', 'invalid argument: watermark group requires at least 2 sources');
    elsif tolerance_secs < 0 then
        perform pgtrickle_emulator.refuse('WATERMARK', 'invalid argument: tolerance_secs must be non-negative');
    elsif exists (select from pgtrickle.pgt_watermark_groups g where g.group_name = create_watermark_group.group_name) then
        perform pgtrickle_emulator.refuse('WATERMARK', 'watermark group already exists: ' || group_name);
    end if;
    insert into pgtrickle.pgt_watermark_groups as g (group_name, source_relids, tolerance_secs)
    values (create_watermark_group.group_name, v_relids, create_watermark_group.tolerance_secs)
    returning g.group_id into v_id;
    raise info 'pg_trickle: created watermark group ''%'' (id=%) with % sources, tolerance %s',
        group_name, v_id, cardinality(v_relids), tolerance_secs;
    return v_id;
end
$$;

create function pgtrickle.drop_watermark_group(group_name text) returns void
language plpgsql strict
as $$
begin
    delete from pgtrickle.pgt_watermark_groups g where g.group_name = drop_watermark_group.group_name;
    if not found then
        perform pgtrickle_emulator.refuse('WATERMARK', 'watermark group not found: ' || group_name);
    end if;
    raise info 'pg_trickle: dropped watermark group ''%''', group_name;
end
$$;

create function pgtrickle.watermarks()
returns table (source_table text, schema_name text, watermark timestamptz, updated_at timestamptz, advanced_by text,
    wal_lsn text)
language sql strict set search_path = pg_catalog
as $$
    select c.relname, n.nspname, w.watermark, w.updated_at, w.advanced_by, w.wal_lsn_at_advance
    from pgtrickle.pgt_watermarks w
    join pg_class c on c.oid = w.source_relid
    join pg_namespace n on n.oid = c.relnamespace
    order by n.nspname, c.relname
$$;

create function pgtrickle.watermark_groups()
returns table (group_name text, source_count int, tolerance_secs float8, created_at timestamptz)
language sql strict set search_path = pg_catalog
as $$
    select g.group_name, cardinality(g.source_relids), g.tolerance_secs, g.created_at
    from pgtrickle.pgt_watermark_groups g order by g.group_name
$$;

-- A source without a watermark counts in `sources_total` only: a group of such sources is aligned.
create function pgtrickle.watermark_status()
returns table (group_name text, min_watermark timestamptz, max_watermark timestamptz, lag_secs float8,
    aligned boolean, sources_with_watermark int, sources_total int)
language sql strict set search_path = pg_catalog
as $$
    select g.group_name, w.lowest, w.highest, w.lag, w.lag <= g.tolerance_secs, w.there, cardinality(g.source_relids)
    from pgtrickle.pgt_watermark_groups g
    cross join lateral (
        select min(m.watermark) as lowest, max(m.watermark) as highest, count(*)::int as there,
               coalesce(extract(epoch from max(m.watermark) - min(m.watermark)), 0)::float8 as lag
        from pgtrickle.pgt_watermarks m where m.source_relid = any (g.source_relids)) w
    order by g.group_name
$$;
