{{ config(schedule=none, refresh='always') }}
-- A stream table on a stream table, which dbt refreshes on each run.
select {{ pgstream.star(ref('order_totals')) }}
from {{ ref('order_totals') }}
where total_amount > 20
