-- The time of the data stays where it was if nothing was written; what a refresh really did is kept. One that
-- reinitialized the table knows the columns of today.
create function pgtrickle_emulator.after_refresh(st pgtrickle.pgt_stream_tables, v_method text) returns void
language sql set search_path = pg_catalog
as $$
    update pgtrickle.pgt_stream_tables s
    set effective_refresh_mode = case
            when v_method = 'NOTHING' then 'NO_DATA'
            when s.topk_limit is not null then 'TOP_K'
            when v_method = 'ALL' then 'FULL'
            else 'DIFFERENTIAL' end
    where s.pgt_id = st.pgt_id;
    update pgtrickle.pgt_dependencies d
    set column_snapshot = pgtrickle_emulator.column_snapshot(d.source_relid)
    where d.pgt_id = st.pgt_id and st.needs_reinit and d.source_type = 'TABLE'
$$;

create function pgtrickle_emulator.fresh_as_of(st pgtrickle.pgt_stream_tables) returns timestamptz
language sql immutable
return st.last_refresh_at;
