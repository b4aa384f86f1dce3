-- A setting nobody has set has the real engine's default.
create function pgstream_emulator.setting(name text) returns text
language sql stable set search_path = pg_catalog
as $$
    select coalesce(
        nullif(current_setting('pg_stream.' || name, true), ''),
        case name
            when 'enabled' then 'on'
            when 'scheduler_interval_ms' then '1000'
            when 'min_schedule_seconds' then '60'
            when 'max_consecutive_errors' then '3'
            when 'max_concurrent_refreshes' then '4'
            when 'cdc_mode' then 'trigger'
            when 'block_source_ddl' then 'off'
        end)
$$;

create function pgstream_emulator.scheduler_settings(out enabled boolean, out interval_ms int)
language sql stable set search_path = pg_catalog
as $$
    select pgstream_emulator.setting('enabled')::boolean,
           pgstream_emulator.setting('scheduler_interval_ms')::int
$$;
