{#
    Attempts at locks, as the provider makes them: short at first and longer as time goes by, with pauses in which
    writers go on. Seconds all of them.
#}
{% macro _attempts(timeout, deadlock_timeout) %}
    {{ return({'timeout': timeout, 'deadlock_timeout': deadlock_timeout, 'waited': 0.0, 'length': 0.05}) }}
{% endmacro %}


{# To wait for a second lock while one is held: below `deadlock_timeout`, so that no writer is ended to resolve a deadlock. #}
{% macro _rest_length(attempts) %}
    {{ return([attempts.length, 0.9 * attempts.deadlock_timeout] | min) }}
{% endmacro %}


{# Whether the time is over once the attempt that is being made has failed. #}
{% macro _is_last(attempts) %}
    {{ return(attempts.waited + attempts.length >= attempts.timeout) }}
{% endmacro %}


{#
    Notes that one that was not the last failed, and returns the seconds to pause. PostgreSQL ends an autovacuum that is
    in the way of who waits for longer than `deadlock_timeout`; for writers an attempt outlasts that after three seconds.
#}
{% macro _attempt_failed(attempts, autovacuum) %}
    {%- set left = attempts.timeout - attempts.waited - attempts.length -%}
    {%- set pause = [attempts.length, left / 2] | min -%}
    {%- do attempts.update({'waited': attempts.waited + attempts.length + pause}) -%}
    {%- set longer = [attempts.length * 2, 3.0] | min -%}
    {%- if autovacuum -%}
        {%- set longer = [longer, attempts.deadlock_timeout + 0.5] | max -%}
    {%- elif attempts.waited < 3.0 -%}
        {%- set longer = [longer, 0.9 * attempts.deadlock_timeout] | min -%}
    {%- endif -%}
    {%- do attempts.update({'length': [0.05, [longer, attempts.timeout - attempts.waited] | min] | max}) -%}
    {{ return(pause) }}
{% endmacro %}


{# As PostgreSQL takes it for `lock_timeout`, where 0 would be no limit. #}
{% macro _milliseconds(seconds) %}
    {{ return([1, (seconds * 1000) | int] | max) }}
{% endmacro %}
