{% macro _hints_tide() %}
{%- set hints -%}{% raw %}
[
  {"pattern": "LIMIT", "hint": "the tide has no limit"}
]
{% endraw %}{%- endset -%}
{{ return(fromjson(hints)) }}
{% endmacro %}
