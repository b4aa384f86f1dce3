{# What only some engines have: of each, what it may be. It is refused where the database's engine has it not. #}
{% macro _known_settings_of_engine() %}
    {{ return({
        'tier': ['hot', 'warm', 'cold', 'frozen'],
        'cdc_mode': ['trigger', 'auto', 'wal'],
        'append_only': 'boolean',
        'partition_by': 'string',
        'diamond_consistency': ['none', 'atomic'],
        'diamond_schedule_policy': ['fastest', 'slowest'],
        'fuse': ['off', 'on', 'auto'],
        'fuse_ceiling': 'number',
        'fuse_sensitivity': 'number',
        'max_differential_joins': 'number',
        'max_delta_fraction': 'number',
        'pooler_compatibility_mode': 'boolean',
        'post_refresh_action': ['none', 'analyze', 'reindex', 'reindex_if_drift'],
        'reindex_drift_threshold': 'number',
        'orchestration_mode': ['EXTERNAL', 'MANAGED'],
    }) }}
{% endmacro %}


{# Those that the model sets. #}
{% macro _settings_of_engine() %}
    {%- set engine = pgstream._engine() -%}
    {%- set settings = {} -%}
    {%- for key, allowed in pgstream._known_settings_of_engine().items() -%}
        {%- set value = pgstream._setting_of(config, key, none) -%}
        {%- if value is not none -%}
            {%- if not (pgstream._takes(engine.create, key) or pgstream._takes(engine.alter, key)) -%}
                {%- do exceptions.raise_compiler_error(pgstream._key(key) ~ " is not known to this database's " ~ engine.extension ~ ': leave it out, or use an engine that has it') -%}
            {%- elif allowed is not string and value not in allowed -%}
                {%- do pgstream._refuse_value(pgstream._key(key), value, 'one of ' ~ allowed | join(', ')) -%}
            {%- elif allowed == 'boolean' and value is not boolean or allowed == 'number' and (value is not number or value is boolean) or allowed == 'string' and value is not string -%}
                {%- do pgstream._refuse_value(pgstream._key(key), value, 'a ' ~ allowed) -%}
            {%- endif -%}
            {%- do settings.update({key: value}) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(settings) }}
{% endmacro %}
