{#
    Takes the engine's own lock on a stream table for the session; returns a sentence where another session has it for
    longer than the var `pgstream_busy_timeout`. It waits holding nothing, and in pauses of random length, or several
    that began together would collide again and again.
#}
{% macro _lock_refresh(table, seen) %}
    {%- set timeout = pgstream._seconds('the var pgstream_busy_timeout', var('pgstream_busy_timeout', 600)) -%}
    {%- set waited = namespace(seconds=0.0, length=0.5) -%}
    {%- for _ in range(10000) -%}
        {%- if pgstream._rows('select pg_try_advisory_lock(' ~ seen.id ~ ') as locked')[0].locked -%}
            {{ return(none) }}
        {%- elif waited.seconds >= timeout -%}
            {{ return('stream table ' ~ pgstream._qualified_name(table) ~ ' is being refreshed by another session, and was not free within ' ~ '%g' | format(timeout) ~ ' seconds: try again when that has ended, or raise the dbt var pgstream_busy_timeout') }}
        {%- endif -%}
        {%- set pause = [waited.length * (0.3 + 0.7 * (range(1000) | random) / 1000), timeout - waited.seconds] | min -%}
        {%- do run_query('select pg_sleep(' ~ pause ~ ')') -%}
        {%- set waited.seconds = waited.seconds + pause -%}
        {%- set waited.length = [waited.length * 2, 10.0] | min -%}
    {%- endfor -%}
{% endmacro %}
