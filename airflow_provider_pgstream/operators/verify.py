"""Comparing stream tables with their queries from a DAG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from airflow.providers.common.compat.sdk import Context, conf

from airflow_provider_pgstream._arguments import is_template, parameters_of, takes
from airflow_provider_pgstream._stream_tables.report import raise_together
from airflow_provider_pgstream._stream_tables.verify import VerifyOptions
from airflow_provider_pgstream._stream_tables.verify_plan import VerifyPlan
from airflow_provider_pgstream.operators._deferrable import DeferrableOperator

_DEFAULTS = asdict(VerifyOptions())
_OPTIONS = tuple(_DEFAULTS)


class PgStreamVerifyOperator(DeferrableOperator):
    """
    Find rows in which stream tables differ from what their queries return.

    What readers see is compared, or where changes are pending, what a refresh makes of them, which is rolled
    back: nothing is changed, and nobody is kept from writing. A difference that may be lag is warned of.

    Returns ``{"schema.table": {"outcome": "verified", …}}``.

    :param deferrable: run it in the triggerer.
    """

    __doc__ = f"{__doc__}{parameters_of(VerifyOptions)}\n"
    template_fields: Sequence[str] = (*DeferrableOperator.template_fields, *_OPTIONS)
    _emits = True

    @takes(VerifyOptions)
    def __init__(
        self,
        *,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        **kwargs: Any,
    ) -> None:
        given = {name: kwargs.pop(name) for name in _OPTIONS if name in kwargs}
        super().__init__(**kwargs)
        self.deferrable = deferrable
        # What is no template is refused while the DAG is parsed.
        VerifyOptions(**{name: value for name, value in given.items() if not is_template(value)})
        for name in _OPTIONS:
            setattr(self, name, given.get(name, _DEFAULTS[name]))

    def execute(self, context: Context) -> dict[str, Any]:
        """Verify here, or hand the work to the triggerer."""
        plan = VerifyPlan(self._names(), **{name: getattr(self, name) for name in _OPTIONS})
        if self.deferrable:
            from airflow_provider_pgstream.triggers.verify import PgStreamVerifyOperationTrigger

            self._hand_over(PgStreamVerifyOperationTrigger, plan.to_json())
        report = self.hook.verify_all(plan)
        for remark in report.remarks:
            self.log.warning("%s", remark)
        results = self._done(context, report.results)
        raise_together(report.errors)
        return results
