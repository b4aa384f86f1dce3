"""Whether changes are captured and the scheduler works: one rule for the health sensor and its trigger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_pgstream._engines import queries
from airflow_provider_pgstream._engines.engine import Engine
from airflow_provider_pgstream._engines.errors import not_found
from airflow_provider_pgstream._engines.programs import Program, Run
from airflow_provider_pgstream._stream_tables import health
from airflow_provider_pgstream._stream_tables.conditions import Outcome, Verdict
from airflow_provider_pgstream._stream_tables.lookup import fetch
from airflow_provider_pgstream._stream_tables.risks import Risk, fetch_risks
from airflow_provider_pgstream.exceptions import CaptureBroken, PgStreamError, StreamTableNotFound
from airflow_provider_pgstream.models import CdcSource, Diagnosis, EngineStatus, StreamTable


@dataclass(frozen=True)
class Observation:
    """What one poll of a database's change capture saw: all of its stream tables and sources."""

    status: EngineStatus
    tables: Mapping[str, StreamTable]
    sources: Sequence[CdcSource]
    risks: Sequence[Risk] = ()

    def to_json(self, names: Sequence[str]) -> dict[str, Any]:
        """Return what the sensor returns: the sources that it looked at, by name."""
        return {source.name or str(source.oid): source.to_json() for source in self._sources_of(names)}

    def judge(self, names: Sequence[str], max_lag_bytes: int | None) -> Verdict:
        """
        Say whether all is sound, will be when a lag is worked off, or will not be by itself.

        :param names: the stream tables whose sources count; none of them stands for all sources.
        :param max_lag_bytes: WAL that may wait to be decoded; None leaves it to the engine's own alert.
        """
        if missing := [str(not_found(name)) for name in names if name not in self.tables]:
            return Verdict(Outcome.FAIL, "; ".join(missing), StreamTableNotFound)
        sources = self._sources_of(names)
        broken = [str(source.problem) for source in sources if source.name is None or source.capture != "ok"]
        risks = [risk for risk in self.risks if not names or set(names) & set(risk.stream_tables)]
        broken += [risk.sentence for risk in risks if risk.loses_changes]
        if broken := [*broken, *self._standstill(names)]:
            return Verdict(Outcome.FAIL, "; ".join(broken), CaptureBroken)
        if lagging := [reason for source in sources if (reason := _lag(source, max_lag_bytes))]:
            return Verdict(Outcome.WAIT, "; ".join(lagging))
        return Verdict(Outcome.DONE, "; ".join(risk.sentence for risk in risks))

    def _sources_of(self, names: Sequence[str]) -> list[CdcSource]:
        wanted = set(names)
        return [source for source in self.sources if not wanted or wanted & set(source.stream_tables)]

    def _standstill(self, names: Sequence[str]) -> list[str]:
        """Say what is wrong with the scheduler, where one should be at work."""
        if not self.status.is_served:
            return []
        late = health.overdue(self.tables)
        findings = health.scheduler_findings(self.status, late)
        if concerned := [name for name in late if not names or name in names]:
            findings.append(f"the scheduler does not refresh what is due: {', '.join(concerned)}")
        return findings


def _lag(source: CdcSource, max_lag_bytes: int | None) -> str | None:
    if max_lag_bytes is None:
        return source.problem
    if source.lag_bytes is not None and source.lag_bytes > max_lag_bytes:
        return f"{source.name}: more than max_lag_bytes = {max_lag_bytes} of its changes wait to be decoded"
    return None


def observe(engine: Engine) -> Program[Observation]:
    """Fetch everything that change capture in this database depends on."""
    tables = yield from fetch(engine)
    sources = yield from health.cdc_sources(engine)
    reply = yield Run(queries.status(engine))  # without the engine, the first query has failed
    risks = yield from fetch_risks(tables, engine)
    return Observation(EngineStatus.from_row(reply.rows[0]), tables, sources, risks)


def with_culprits(verdict: Verdict, diagnosis: Diagnosis) -> PgStreamError:
    """Return the error for a verdict, naming the stream tables whose refresh fails: they hold up the rest."""
    culprits = "; ".join(diagnosis.failing.values())
    return verdict.error(f"{verdict.reason}. At fault: {culprits}" if culprits else verdict.reason)
