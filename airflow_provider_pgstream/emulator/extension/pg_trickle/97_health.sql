-- The engine's own verdict; the rows about what the emulator does not have say that all is well.
create function pgtrickle.health_check()
returns table (check_name text, severity text, detail text)
language sql strict set search_path = pg_catalog
as $$
    with st as (
        select i.pgt_schema || '.' || i.pgt_name as name, i.status, i.stale, i.needs_reinit, i.consecutive_errors
        from pgtrickle.stream_tables_info i),
    found (check_name, bad, severity, names) as (
        select 'error_tables', 'in ERROR/SUSPENDED', 'ERROR',
               array_agg(name order by name) filter (where status in ('ERROR', 'SUSPENDED')) from st
        union all
        select 'stale_tables', 'stale', 'WARN', array_agg(name order by name) filter (where stale) from st
        union all
        select 'needs_reinit', 'to be reinitialized', 'WARN',
               array_agg(name order by name) filter (where needs_reinit) from st
        union all
        select 'consecutive_errors', 'with refresh errors', 'WARN',
               array_agg(name order by name) filter (where consecutive_errors > 0) from st)
    select 'scheduler_running', case when count(*) > 0 then 'OK' else 'ERROR' end, count(*) || ' worker(s) running'
    from pg_stat_activity a where a.application_name = 'pg_trickle scheduler' and a.datname = current_database()
    union all
    select f.check_name, case when f.names is null then 'OK' else f.severity end,
           coalesce(cardinality(f.names), 0) || ' stream table(s) ' || f.bad
               || coalesce(': ' || array_to_string(f.names, ', '), '')
    from found f
    union all
    select c.name, 'OK', 'nothing to report'
    from (values ('buffer_growth'), ('slot_lag'), ('worker_pool'), ('job_queue'), ('attachment_owner_check')) c (name)
$$;
