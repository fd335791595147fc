import {describe, expect, it} from 'vitest';
import {assessRecorded} from '../../../source/core/assessment/assess.ts';
import {assessmentRequires} from '../../../source/core/assessment/facts.ts';
import {AbortError, exitCodes} from '../../../source/core/errors.ts';
import {
  attachFactFindings,
  diagnoseAll,
  loadDiagnosisData,
  noDiagnosisData,
} from '../../../source/core/recipe/diagnose.ts';
import type {Recipe} from '../../../source/model/recipe.ts';
import type {DataRequirements, RecipeData} from '../../../source/model/recipe-data.ts';
import type {Snapshot} from '../../../source/model/snapshot.ts';
import {createEncoder, decodeGroup} from '../../../source/recording/encoder.ts';
import {createFinding, createRecipe} from '../../console/played.ts';
import {createSnapshot} from '../../helpers/snapshot.ts';

const facts: RecipeData = {prepared_transactions: []};
const [first, second, third] = [0, 2, 4].map(second =>
  createSnapshot({at: `2026-01-01T12:00:0${second}.000000Z`}),
) as [Snapshot, Snapshot, Snapshot];

/** Has one finding for every snapshot, and one from facts whose summary changes with each snapshot. */
const recipe = {
  ...createRecipe(),
  id: 'mixed',
  diagnoseRequires: {prepared_transactions: true as const},
  diagnose: ({at}: Snapshot, {prepared_transactions}: RecipeData) => [
    createFinding({recipe: 'mixed', subject: 'from snapshot', severity: 'warning'}),
    ...(prepared_transactions === undefined
      ? []
      : [
          createFinding({
            recipe: 'mixed',
            subject: 'from facts',
            severity: 'critical',
            summary: at,
            params: {xid: '7'},
          }),
        ]),
  ],
};

function record(attach: ReturnType<typeof attachFactFindings>, snapshot: Snapshot, read: RecipeData) {
  return attach(snapshot, {...noDiagnosisData, facts: read}, diagnoseAll([recipe], snapshot, read).findings);
}

describe('findings from facts', () => {
  it('are recorded with the snapshot, keep their text, and are found on playback', () => {
    const attach = attachFactFindings([recipe]);
    expect(record(attach, first, {}).fact_findings).toEqual([]);
    const early = record(attach, second, facts);
    expect(early.fact_findings).toMatchObject([{subject: 'from facts', summary: second.at}]);
    expect(early.fact_findings?.[0]).not.toHaveProperty('params');
    expect(record(attach, third, facts).fact_findings).toBe(early.fact_findings);
    expect(record(attach, third, {...facts}).fact_findings).toMatchObject([{summary: third.at}]);
    expect(
      assessRecorded({recipes: [recipe], snapshot: early, samples: []}).findings.map(({subject}) => subject),
    ).toEqual(['from facts', 'from snapshot']);
    expect(
      assessRecorded({recipes: [recipe], snapshot: second, samples: []}).findings.map(({subject}) => subject),
    ).toEqual(['from snapshot']);
  });

  it('are recorded only when they change', async () => {
    const attach = attachFactFindings([recipe]);
    const encoder = createEncoder();
    const recorded = [record(attach, first, facts), record(attach, second, facts), record(attach, third, {})];
    const frames = [];
    for (const each of recorded) frames.push(await encoder.encode(each, null));
    encoder.restart();
    const again = decodeGroup(frames);
    expect(again.map(({fact_findings}) => fact_findings)).toEqual(recorded.map(each => each.fact_findings));
    expect(again[2]?.fact_findings).toEqual([]);
    expect(frames[1]?.payload.length).toBeLessThan((frames[0]?.payload.length ?? 0) / 3);
  });
});

const query = {text: 'SELECT 1', values: []};
const ofAssessment = Object.entries(assessmentRequires).map(([fact, need]) => ({[fact]: need}));
const catalog = {tables: [], indexes: [], foreign_keys: []} as unknown as RecipeData['catalog'];

function requiring(...requirements: DataRequirements[]): Recipe[] {
  return [createRecipe(), ...requirements.map(each => createRecipe({diagnoseRequires: each}))];
}

/** Loads whatever is requested, except for the facts and queries that fail. */
function source(failing: Record<string, Error> = {}) {
  const asked: DataRequirements[] = [];
  const load = async (needs: DataRequirements): Promise<RecipeData> => {
    asked.push(needs);
    const names = [...Object.keys(needs), ...Object.keys(needs.answers ?? {})];
    for (const name of names) if (failing[name]) throw failing[name];
    const answers = Object.fromEntries(Object.keys(needs.answers ?? {}).map(name => [name, [{name}]]));
    return {...(needs.catalog && catalog && {catalog}), ...(needs.answers && {answers})};
  };
  return {asked, load};
}

it('each fact and each query is loaded once for several recipes', async () => {
  const {asked, load} = source();
  const recipes = requiring(
    {catalog: true, answers: {one: query}},
    {catalog: true, answers: {one: query, two: query}},
  );
  expect(await loadDiagnosisData(recipes, load)).toEqual({
    facts: {catalog, answers: {one: [{name: 'one'}], two: [{name: 'two'}]}},
    ofAssessment: {foreign_keys: []},
    unread: [],
  });
  expect(asked).toEqual([...ofAssessment, {answers: {one: query}}, {answers: {two: query}}]);
});

it('without recipes what the assessment requires is loaded', async () => {
  const {asked, load} = source();
  expect(await loadDiagnosisData(requiring(), load)).toMatchObject({facts: {catalog}, unread: []});
  expect(asked).toEqual(ofAssessment);
});

it('facts that cannot be read are listed without secrets; the rest is loaded', async () => {
  const {load} = source({
    catalog: new Error('permission denied\n for postgres://u:secret@h/d'),
    two: new Error('42601'),
  });
  const {facts, unread} = await loadDiagnosisData(
    requiring({catalog: true, answers: {one: query, two: query}}),
    load,
  );
  expect(facts).toEqual({answers: {one: [{name: 'one'}]}});
  expect(unread.map(({fact}) => fact)).toEqual(['catalog', 'two']);
  expect(unread[0]?.reason).toMatch(/^permission denied for postgres/);
  expect(unread[0]?.reason).not.toContain('secret');
});

it.each([exitCodes.connection, exitCodes.noSlot, exitCodes.interrupted])(
  'a lost connection or an interruption is thrown (exit %i)',
  async exitCode => {
    const gone = new AbortError('gone', {exitCode});
    await expect(loadDiagnosisData(requiring({catalog: true}), source({catalog: gone}).load)).rejects.toBe(
      gone,
    );
  },
);
