{{ config(materialized='ephemeral') }}

select customer, amount, orders from {{ ref('totals') }}
