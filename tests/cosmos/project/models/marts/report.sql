{{ config(materialized='table') }}

select number from {{ ref('overview') }} where what = 'customers'
