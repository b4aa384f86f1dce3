{# Who holds locks of some modes on a relation, its partitions and children included. #}
{% macro _holders(oid, modes) %}
    {%- set query %}
        with recursive family as (
            select {{ oid }}::oid as oid
            union
            select i.inhrelid from pg_catalog.pg_inherits as i join family as f on f.oid = i.inhparent
        )
        select distinct
            a.pid,
            a.usename,
            a.application_name,
            a.state,
            a.backend_type = 'autovacuum worker' as is_autovacuum,
            extract(epoch from clock_timestamp() - a.xact_start)::int as seconds,
            left(regexp_replace(a.query, '\s+', ' ', 'g'), 200) as query
        from pg_catalog.pg_locks as l
        join family as f on f.oid = l.relation
        join pg_catalog.pg_stat_activity as a on a.pid = l.pid
        where l.granted and l.pid <> pg_backend_pid()
            and l.database = (select oid from pg_catalog.pg_database where datname = current_database())
            and l.mode = any ({{ pgstream._literal('{' ~ modes | join(',') ~ '}') }})
        order by a.pid
    {%- endset -%}
    {{ return(pgstream._rows(query)) }}
{% endmacro %}


{# Lock modes that keep us from SHARE on a source, or from ACCESS EXCLUSIVE on the stream table itself. #}
{% macro _modes_against(own) %}
    {%- set modes = ['RowExclusiveLock', 'ShareUpdateExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock'] -%}
    {{ return(modes + ['AccessShareLock', 'RowShareLock', 'ShareLock'] if own else modes) }}
{% endmacro %}


{# The sentence about a lock that did not come in time. #}
{% macro _locked_out(table, purpose, name, own, holders) %}
    {%- set lines = [] -%}
    {%- for one in holders -%}
        {%- do lines.append('pid ' ~ one.pid ~ ' (' ~ one.usename ~ ', ' ~ (one.application_name or 'no application name') ~ ', ' ~ one.state ~ ', transaction open for ' ~ one.seconds ~ ' s): ' ~ one.query) -%}
    {%- endfor -%}
    {%- set held = 'it is held by ' ~ ('readers or writers of it: ' if own else '') ~ lines | join('; ') ~ '. ' if lines else 'whoever held it has just released it. ' -%}
    {{ return('stream table ' ~ pgstream._qualified_name(table) ~ ' was not ' ~ purpose ~ ': the lock on ' ~ name ~ ' did not come in time; ' ~ held ~ 'End that transaction, or raise the dbt var pgstream_lock_timeout') }}
{% endmacro %}
