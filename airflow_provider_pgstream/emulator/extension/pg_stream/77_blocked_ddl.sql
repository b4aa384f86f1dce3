create function pgstream_emulator.blocked_ddl(v_source text) returns text
language sql immutable set search_path = pg_catalog
as $$
    select format('pg_stream: ALTER TABLE on %s blocked — column-affecting DDL is not allowed on source tables tracked by stream tables when pg_stream.block_source_ddl = true. Set pg_stream.block_source_ddl = false to allow schema changes (triggers reinitialization).',
        v_source)
$$;

-- Capture goes on naming the columns that there were.
create function pgstream_emulator.follow_columns(v_relids oid[]) returns void
language sql immutable
return null;
