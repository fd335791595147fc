import type {IndexProposal} from '../../model/index-advice.ts';
import type {Facts} from '../../model/recipe-data.ts';
import type {Snapshot} from '../../model/snapshot.ts';
import type {Step} from '../../model/step.ts';
import {counted, formatBytes, formatCount} from '../text/format.ts';
import type {IndexWork} from './index-building.ts';
import {shapeOf} from './index-definition.ts';
import {preflightLines, sizeLine} from './index-waits.ts';

type Preview = {
  work: IndexWork;
  /** Of the whole plan, files too. */
  steps: readonly Step[];
  snapshot: Snapshot;
  lock_timeout_ms: number;
  advice: Facts['index_advice'];
};

/**
 * The whole in one line, whom it waits for, and a line for each index, so that a terminal's first page tells what
 * will happen; then what holds for all, and the reasons for each.
 */
export function explainIndexes({work, steps, snapshot, lock_timeout_ms, advice}: Preview): string[] {
  const {built} = work;
  const unasked = advice?.planner === 'none' ? [plannerLine(snapshot)] : [];
  if (steps.length === 0) return [nothingLine(work, advice), ...unasked];
  if (built.length === 0) return [headline(work, steps)];
  return [
    headline(work, steps),
    ...preflightLines(snapshot, lock_timeout_ms),
    ...built.map(indexLine),
    ...unasked,
    'Each is built concurrently: reads and writes go on, other changes of its table (ALTER, VACUUM) wait.',
    sizeLine(built.reduce((sum, {estimated_size_bytes}) => sum + estimated_size_bytes, 0)),
    'An index makes each write of its table dearer. A build that fails is swept away; undo drops what was built.',
    ...built.flatMap(reasonLines),
  ];
}

function headline({steps: indexSteps, built, emitted}: IndexWork, steps: readonly Step[]): string {
  const acts = indexSteps.filter(({kind}) => kind === 'sql').length;
  const drops = acts - emitted.length;
  const going = emitted.length - built.length;
  const advised = steps.filter(({kind}) => kind === 'advice').length;
  const files = steps.filter(({kind}) => kind === 'file').length;
  const dropped =
    drops === 0 ? '' : ` (and ${counted(drops, 'invalid leftover', 'invalid leftovers')} to drop)`;
  const inOrder = acts > 1 ? ', one after the other' : '';
  const parts = [
    ...(built.length === 0
      ? []
      : [`${counted(built.length, 'index', 'indexes')} to build${dropped}${inOrder}`]),
    ...(going === 0 ? [] : [`${counted(going, 'build', 'builds')} of other sessions to wait for`]),
    ...(files === 0 ? [] : [`${counted(files, 'file', 'files')} to change`]),
    ...(advised === 0 ? [] : [`${counted(advised, 'thing', 'things')} to do by hand`]),
  ];
  return `${parts.join('; ')}.`;
}

function nothingLine({left_alone}: IndexWork, advice: Facts['index_advice']): string {
  const suggested = advice?.proposals.length ?? 0;
  if (suggested > 0 && left_alone.length === 0)
    return `Nothing to build with these parameters: ${counted(suggested, 'index is', 'indexes are')} suggested, and none of them fits.`;
  return 'No index is missing that would pay for itself: nothing to build.';
}

function plannerLine({target: {server_version_num}}: Snapshot): string {
  const major = Math.floor(server_version_num / 10_000);
  return `Reckoned from statistics, not by the planner: HypoPG is not installed here. Install its package on the server (postgresql-${major}-hypopg or hypopg_${major}), then CREATE EXTENSION hypopg in this database.`;
}

function indexLine({name, schema, table, confidence, serves, source}: IndexProposal): string {
  const served =
    serves.length === 0 ? origins[source] : `serves ${counted(serves.length, 'statement', 'statements')}`;
  return `${name} on ${schema}.${table}: ${confidence}, ${served}`;
}

const origins: Record<IndexProposal['source'], string> = {
  statements: 'serves no statement seen',
  foreign_key: 'for a foreign key',
  file: 'for the file alone',
};

function reasonLines({name, definition, estimated_size_bytes, reasons, serves}: IndexProposal): string[] {
  const costs = serves.flatMap(({cost_before, cost_after}) =>
    cost_before === null || cost_after === null ? [] : [{cost_before, cost_after}],
  );
  const before = costs.reduce((sum, {cost_before}) => sum + cost_before, 0);
  const after = costs.reduce((sum, {cost_after}) => sum + cost_after, 0);
  const saved = costs.length === 0 ? '' : `, cost ${formatCount(before)} -> ${formatCount(after)}`;
  return [
    `${name}: ${shapeOf(definition)}, about ${formatBytes(estimated_size_bytes)}${saved}`,
    ...reasons.map(reason => `  ${reason}`),
  ];
}
