{{ config(materialized='view') }}
select renamed_totals.ordered_at, renamed_totals.order_count, late_totals.total_amount
from {{ ref('renamed_totals') }} as renamed_totals
join {{ ref('late_totals') }} as late_totals on late_totals.ordered_at = renamed_totals.ordered_at
