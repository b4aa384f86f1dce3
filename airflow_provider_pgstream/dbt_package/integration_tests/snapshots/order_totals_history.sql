{% snapshot order_totals_history %}
{{ config(target_schema='shop', strategy='check', unique_key='customer_id', check_cols=['total_amount', 'order_count']) }}
select {{ pgstream.star(ref('order_totals')) }}
from {{ ref('order_totals') }}
{% endsnapshot %}
