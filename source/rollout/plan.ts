import {isMap, isSeq, LineCounter, parseDocument} from 'yaml';
import {type GivenLimits, limitExamples, metricByLimitName, parseLimit} from '../core/health/health.ts';
import {metricOf} from '../core/health/metrics.ts';
import {watchDefaults} from '../core/health/thresholds.ts';
import {didYouMean} from '../core/text/nearest.ts';
import {type Fields, fieldsOf, type Report} from './fields.ts';
import type {RolloutPlan, RolloutStage} from './state.ts';

export type PlanProblem = {line: number; message: string};

const planKeys = ['name', 'every', 'sustain', 'thresholds', 'command_timeout', 'pooler', 'stages'];
const stageKeys = [
  'name',
  'target',
  'promote',
  'rollback',
  'command_timeout',
  'approval',
  'watch',
  'every',
  'sustain',
  'thresholds',
  'baseline',
  'pooler',
];

const hourMs = 3_600_000;
const ranges = {
  watch: {least: 1000, most: 720 * hourMs},
  every: {least: 500, most: 60_000},
  sustain: {least: 0, most: 24 * hourMs},
  command_timeout: {least: 1000, most: 24 * hourMs},
};

/** A rollout's plan, with every mistake in it and its line; a plan with any is not to be run. */
export function readPlan(text: string): {plan: RolloutPlan; problems: PlanProblem[]} {
  const lines = new LineCounter();
  const document = parseDocument(text, {lineCounter: lines});
  const problems: PlanProblem[] = [];
  const report: Report = (offset, message) => problems.push({line: lines.linePos(offset).line, message});
  for (const {message, pos} of document.errors) {
    report(pos[0], message.split('\n')[0]?.replace(/ at line \d+.*$/, '') ?? '');
  }
  if (problems.length > 0) return {plan: {name: '', stages: []}, problems};
  const root = fieldsOf(document.contents, planKeys, report);
  const name = root.required('name');
  const listed = isMap(document.contents) ? document.contents.get('stages', true) : null;
  const nodes = isSeq(listed) ? listed.items : [];
  if (nodes.length === 0) report(root.offset, 'stages is missing: a list of one stage or more');
  const common = commonOf(root, report);
  const fields = nodes.map(node => fieldsOf(node, stageKeys, report));
  const stages = fields.map(each => readStage(each, common, report));
  for (const [index, stage] of stages.entries()) {
    const isTwice = stages.findIndex(each => each.name === stage.name) !== index;
    if (isTwice && stage.name !== '')
      report(fields[index]?.offset ?? 0, `stage "${stage.name}" is there twice`);
  }
  problems.sort((a, b) => a.line - b.line);
  return {plan: {name, stages}, problems};
}

type Common = {
  every_ms: number;
  sustain_ms: number;
  command_timeout_ms: number;
  limits: GivenLimits;
  pooler: string | null;
};

/** What holds for every stage that says nothing else. */
function commonOf(root: Fields, report: Report): Common {
  return {
    every_ms: root.duration_ms('every', ranges.every) ?? watchDefaults.every_ms,
    sustain_ms: root.duration_ms('sustain', ranges.sustain) ?? watchDefaults.sustain_ms,
    command_timeout_ms: root.duration_ms('command_timeout', ranges.command_timeout) ?? 600_000,
    limits: readLimits(root, report),
    pooler: root.text('pooler'),
  };
}

function readStage(fields: Fields, common: Common, report: Report): RolloutStage {
  const promote = fields.text('promote');
  const rollback = fields.text('rollback');
  const for_ms = fields.duration_ms('watch', ranges.watch);
  const name = fields.required('name');
  if (promote !== null && rollback === null) {
    report(
      fields.offset,
      `stage "${name}" promotes and says nothing of the way back: rollback: COMMAND, or none`,
    );
  }
  if (promote === null && !fields.has('watch')) {
    report(fields.offset, `stage "${name}" does nothing: it wants promote or watch`);
  }
  return {
    name,
    target: fields.text('target'),
    promote,
    rollback: rollback === 'none' ? null : rollback,
    command_timeout_ms:
      fields.duration_ms('command_timeout', ranges.command_timeout) ?? common.command_timeout_ms,
    approval: fields.boolean('approval'),
    watch: for_ms === null ? null : {for_ms, ...pace(fields, common)},
    limits: {...common.limits, ...readLimits(fields, report)},
    baseline: fields.text('baseline'),
    pooler: fields.text('pooler') ?? common.pooler,
  };
}

function pace(fields: Fields, {every_ms, sustain_ms}: Common): {every_ms: number; sustain_ms: number} {
  return {
    every_ms: fields.duration_ms('every', ranges.every) ?? every_ms,
    sustain_ms: fields.duration_ms('sustain', ranges.sustain) ?? sustain_ms,
  };
}

function readLimits(fields: Fields, report: Report): GivenLimits {
  const limits: GivenLimits = {};
  for (const {key, value, offset} of fields.entries('thresholds')) {
    const metric = metricByLimitName.get(key);
    const names = [...metricByLimitName.keys()];
    if (metric === undefined) {
      report(
        offset,
        `there is no threshold "${key}"${didYouMean(key, names) || `, only ${names.join(', ')}`}`,
      );
      continue;
    }
    const limit = parseLimit(metric, value);
    if (limit === null) report(offset, `${key} wants ${limitExamples[metricOf(metric).kind]}`);
    else limits[metric] = limit;
  }
  return limits;
}
