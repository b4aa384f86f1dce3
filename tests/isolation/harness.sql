create schema iso;

-- The program decides by what it has read: it begins again where that is not what the steps were written for.
create function iso.decided(as_recorded boolean) returns void language plpgsql as $$
begin
  if not as_recorded then raise exception 'decide anew'; end if;
end $$;

create function iso.must_hold(stream_table text) returns void language plpgsql as $$
begin
  if not exists (
    select from pg_locks l join pgstream.pgs_stream_tables st on l.objid = st.pgs_id
     where l.locktype = 'advisory' and l.granted and l.pid = pg_backend_pid()
       and st.pgs_schema || '.' || st.pgs_name = stream_table) then
    raise exception 'refreshed by another session';
  end if;
end $$;

create function iso.wrong_rows(stream_table text) returns bigint language plpgsql as $$
declare
  its_query text;
  its_columns text;
  wrong bigint;
begin
  select coalesce(original_query, defining_query) into strict its_query
    from pgstream.pgs_stream_tables where pgs_schema || '.' || pgs_name = stream_table;
  select string_agg(quote_ident(attname), ', ' order by attnum) into its_columns
    from pg_attribute
   where attrelid = stream_table::regclass and attnum > 0 and not attisdropped and attname !~ '^__pgs_';
  execute format(
    'select count(*) from ((select %1$s from %2$s except all select %1$s from (%3$s) q) union all'
    ' (select %1$s from (%3$s) q except all select %1$s from %2$s)) d',
    its_columns, stream_table, its_query) into wrong;
  return wrong;
end $$;

create function iso.must_be_right(stream_table text) returns void language plpgsql as $$
begin
  if iso.wrong_rows(stream_table) > 0 then
    raise exception '% rows of % are not those of the boundary', iso.wrong_rows(stream_table), stream_table;
  end if;
end $$;
