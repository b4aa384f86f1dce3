-- A table without a schedule is driven, too. A frozen one never is; a cold one seldom.
create function pgtrickle_emulator.is_due(st pgtrickle.pgt_stream_tables, cron_due bigint[]) returns boolean
language sql stable set search_path = pg_catalog
as $$
    select st.refresh_tier <> 'frozen' and st.refresh_mode <> 'IMMEDIATE'
        and (not st.is_populated or st.needs_reinit or st.pgt_id = any (cron_due)
             or extract(epoch from now() - st.last_refresh_at) > case st.refresh_tier when 'cold' then 10 else 1 end
                * case when st.schedule is null then pgtrickle_emulator.setting('default_schedule_seconds')::bigint
                       else pgtrickle_emulator.schedule_seconds(st.schedule) end)
$$;

create table pgtrickle.pgt_source_gates (
    source_relid oid primary key,
    gated boolean not null default true,
    gated_at timestamptz not null default now(),
    ungated_at timestamptz,
    gated_by text
);

create function pgtrickle_emulator.held_back_by(st pgtrickle.pgt_stream_tables) returns text
language sql stable set search_path = pg_catalog
as $$
    select 'source gated'
    from pgtrickle.pgt_dependencies d join pgtrickle.pgt_source_gates g using (source_relid)
    where d.pgt_id = st.pgt_id and g.gated limit 1
$$;
