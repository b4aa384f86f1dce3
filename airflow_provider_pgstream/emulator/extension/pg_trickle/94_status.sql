create function pgtrickle.version() returns text
language sql strict immutable
return '0.67.0-emulator';

create function pgtrickle.pgt_status()
returns table (name text, status text, refresh_mode text, is_populated boolean, consecutive_errors int,
    schedule text, data_timestamp timestamptz, staleness interval, scc_id int)
language sql strict set search_path = pg_catalog
as $$
    select s.pgt_schema || '.' || s.pgt_name, s.status, s.refresh_mode, s.is_populated, s.consecutive_errors,
           s.schedule, s.data_timestamp, now() - s.data_timestamp, s.scc_id
    from pgtrickle.pgt_stream_tables s order by s.pgt_schema, s.pgt_name
$$;

create function pgtrickle.check_cdc_health()
returns table (source_relid bigint, source_table text, cdc_mode text, slot_name text, lag_bytes bigint,
    confirmed_lsn text, alert text, selective_capture boolean)
language sql strict
as $$
    select distinct d.source_relid::bigint, d.source_relid::pg_catalog.regclass::text, d.cdc_mode, null::text,
           null::bigint, null::text, null::text, false
    from pgtrickle.pgt_dependencies d where d.source_type = 'TABLE' order by 1
$$;

create function pgtrickle.explain_st(name text, with_analyze boolean default false)
returns table (property text, value text)
language sql strict
as $$ select * from pgtrickle_emulator.explain(name) $$;

create function pgtrickle.pg_trickle_hash(input text) returns bigint
language sql immutable parallel safe set search_path = pg_catalog
as $$ select hashtextextended(input, 0) $$;

create function pgtrickle.pg_trickle_hash_multi(inputs text[]) returns bigint
language sql immutable strict parallel safe set search_path = pg_catalog
as $$ select hash_array_extended(inputs, 0) $$;
