-- The server's configuration holds the real engine's defaults.
create function pgstream_emulator.setting(name text) returns text
language sql stable set search_path = pg_catalog
as $$ select current_setting('pg_stream.' || name) $$;

create function pgstream_emulator.scheduler_settings(out enabled boolean, out interval_ms int)
language sql stable set search_path = pg_catalog
as $$
    select pgstream_emulator.setting('enabled')::boolean,
           pgstream_emulator.setting('scheduler_interval_ms')::int
$$;
