import {stepDocument} from '../../cli/execution/render-plan.ts';
import type {ReportRollout, ReportRun, ReportStep} from '../../cli/journal.ts';
import {redactDeep} from '../../core/text/redact.ts';
import type {Report} from './report.ts';

/** `report --json`. Times are ISO 8601 UTC; what is unknown is null. */
export function reportDocument(report: Report) {
  const {target, from_ms, to_ms, snapshot_count, stride, series, statements, holders, findings} = report;
  const {runs, rollouts} = report;
  const observed = {
    target,
    ...{from: timeOf(from_ms), to: timeOf(to_ms), snapshots: snapshot_count, one_in_evaluated: stride},
    unfinished: report.unfinished,
    figures: series.map(({title, points, most}) => ({
      name: title,
      most,
      points: points.map(({at_ms, value}) => ({at: timeOf(at_ms), value})),
    })),
    findings: findings.map(({first_ms, last_ms, isOpen, ...finding}) => ({
      ...finding,
      ...{first_at: timeOf(first_ms), last_at: timeOf(last_ms), is_open: isOpen},
    })),
    server_verdicts: report.verdicts.map(({first_ms, last_ms, isOpen, ...verdict}) => ({
      ...verdict,
      ...{first_at: timeOf(first_ms), last_at: timeOf(last_ms), is_open: isOpen},
    })),
    load: report.load,
    lock_holders: holders.map(({first_ms, last_ms, ...holder}) => ({
      ...holder,
      ...{first_at: timeOf(first_ms), last_at: timeOf(last_ms)},
    })),
    statements:
      statements === null
        ? null
        : {
            ...{
              from: timeOf(statements.from_ms),
              to: timeOf(statements.to_ms),
              reset_at: statements.reset_at,
            },
            rows: statements.rows.map(({statement, variants, figures, share_is}) => {
              const {queryid, dbid, userid, datname, usename, query} = statement;
              return {...{queryid, dbid, userid, datname, usename, query, variants, share_is}, ...figures};
            }),
          },
    changes: report.changed.map(({at, kind, object, event, before, after, by, subject, what}) => ({
      ...{at, kind, object, event, before, after, by, subject, what},
    })),
    not_observed: report.gaps.map(gap => ({
      ...{from: timeOf(gap.from_ms), to: gap.isOpen ? null : timeOf(gap.to_ms), reason: gap.reason},
    })),
  };
  return {
    schema_version: 1,
    ...redactDeep(observed),
    runs: runs.map(runOf),
    rollouts: rollouts.map(rolloutOf),
  };
}

function timeOf(at_ms: number): string {
  return new Date(at_ms).toISOString();
}

function runOf({run, steps, end, undone_by}: ReportRun) {
  const {run: id, recipe, actor, target, at, plan, params, undoes = null, before} = run;
  return {
    ...redactDeep({run: id, recipe, actor, target, at, plan, params, undoes, undone_by, ...endOf(end)}),
    ...redactDeep({before, after: end?.after ?? null, harm: end?.harm ?? []}),
    steps: steps.map(stepOf),
  };
}

function stepOf({intent, outcome}: ReportStep) {
  // Its statements come with their secrets masked.
  const {title, ...statements} = stepDocument(intent.content);
  const {
    row_count = null,
    sqlstate = null,
    message = null,
    duration_ms = null,
    measures = [],
  } = outcome ?? {};
  return {
    ...redactDeep({number: intent.step + 1, at: intent.at, title}),
    ...statements,
    ...redactDeep({outcome: outcome?.outcome ?? 'unknown', row_count, sqlstate, message, duration_ms}),
    measured: redactDeep(measures),
  };
}

function rolloutOf({start, stages, end}: ReportRollout) {
  const {run, name, actor, target, at, plan} = start;
  return redactDeep({
    ...{run, name, actor, target, at, plan},
    ...endOf(end),
    stages: stages.map(stage => ({at: stage.at, name: stage.name, phase: stage.phase, detail: stage.detail})),
  });
}

function endOf(end: ReportRun['end']) {
  return {status: end?.status ?? null, reason: end?.reason ?? null, ended_at: end?.at ?? null};
}
