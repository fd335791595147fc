import {recipes} from '../../recipes/index.ts';
import type {Story} from '../../source/demo/stories/story.ts';
import type {Assessment} from '../../source/model/assessment.ts';
import type {RecordedSnapshot} from '../../source/model/ports.ts';
import type {Act, Finding} from '../../source/model/recipe.ts';
import type {Snapshot} from '../../source/model/snapshot.ts';

/** One reading of a story's server, live or recorded. */
export type Moment = {
  /** Since poolctl was opened, or since the harm began if it was open before. */
  seconds: number;
  snapshot: RecordedSnapshot;
  assessment: Assessment;
};

/** The findings of a moment, as lines. */
export function describeMoment({seconds, assessment: {findings, also}}: Moment): string {
  const line =
    (mark: string) =>
    ({cause, recipe, severity, summary}: Assessment['findings'][number]) =>
      `${mark} ${severity} ${cause ?? '-'} [${recipe}] ${summary}`;
  return [`after ${seconds.toFixed(1)} s`, ...findings.map(line('*')), ...also.map(line('  also'))].join(
    '\n',
  );
}

/** Whether a moment's first finding is the story's. */
export function isRight({first}: Story): (moment: Moment) => boolean {
  return ({
    assessment: {
      findings: [finding],
    },
  }) =>
    finding?.cause === first.cause &&
    first.summary.test(finding.summary) &&
    (first.recipe === null || finding.recipe === first.recipe);
}

export function isQuiet({assessment: {findings}}: Moment): boolean {
  return findings.length === 0;
}

/** Recipes that end sessions, and plan from the snapshot alone. */
const enders = new Set(['kill-idle-sessions', 'terminate-sessions', 'release-blockers']);

/** Applications of `innocents` with sessions that a finding of the moment offers to end. */
export function innocentsOffered(
  {assessment: {findings}, snapshot}: Moment,
  innocents: readonly string[],
): string[] {
  const ended = new Set(findings.flatMap(actsOf).flatMap(act => applicationsEnded(act, snapshot)));
  return innocents.filter(name => ended.has(name));
}

function actsOf({acts, recipe, params = {}}: Finding): Pick<Act, 'recipe' | 'params'>[] {
  return acts ?? [{recipe, params}];
}

function applicationsEnded(
  {recipe: id, params}: Pick<Act, 'recipe' | 'params'>,
  snapshot: Snapshot,
): string[] {
  if (id === null || !enders.has(id)) return [];
  const plan = recipes
    .find(recipe => recipe.id === id)
    ?.plan?.(snapshot, params, {prepared_transactions: []});
  const subjects = new Set(plan?.steps.map(({subject}) => subject));
  return snapshot.backends
    .filter(({pid}) => subjects.has(`backend:${pid}`))
    .map(({application_name}) => application_name);
}
