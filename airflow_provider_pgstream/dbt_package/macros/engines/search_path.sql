{#
    The search path under which the engine is given a query, and runs it for us: that of the profile, or of the var
    `pgstream_search_path`, with what the engine itself wants behind it. Names are quoted, so it is as good in SET as in
    set_config().
#}
{% macro _search_path() %}
    {%- set wanted = pgstream._var('search_path', target.get('search_path')) or '' -%}
    {%- if wanted is not string -%}
        {%- do pgstream._refuse_value('the var pgstream_search_path', wanted, "schemas, 'extensions, public' for instance") -%}
    {%- endif -%}
    {%- set names = [] -%}
    {%- for name in (wanted ~ ',' ~ pgstream._engine().search_path).split(',') | map('trim') | select -%}
        {%- set quoted = name if name.startswith('"') else pgstream._identifier(name | lower) -%}
        {%- if quoted not in names -%}
            {%- do names.append(quoted) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(names | join(', ')) }}
{% endmacro %}
