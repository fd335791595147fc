import {describe, expect, it} from 'vitest';
import {diagnoseAll} from '../../../source/core/recipe/diagnose.ts';
import {attachFactFindings, diagnoseRecorded} from '../../../source/core/recipe/fact-findings.ts';
import type {RecipeData} from '../../../source/model/recipe-data.ts';
import type {Snapshot} from '../../../source/model/snapshot.ts';
import {createEncoder, decodeGroup} from '../../../source/recording/encoder.ts';
import {createFinding, createRecipe} from '../../console/played.ts';
import {createSnapshot} from '../../helpers/snapshot.ts';

const facts: RecipeData = {prepared_transactions: []};
const [first, second, third] = [0, 2, 4].map(second =>
  createSnapshot({at: `2026-01-01T12:00:0${second}.000000Z`}),
) as [Snapshot, Snapshot, Snapshot];

/** Finds one thing in any reading, and where facts were read another that grows older with each reading. */
const watching = {
  ...createRecipe(),
  id: 'watching',
  diagnoseRequires: {prepared_transactions: true as const},
  diagnose: ({at}: Snapshot, {prepared_transactions}: RecipeData) => [
    createFinding({recipe: 'watching', subject: 'seen', severity: 'warning'}),
    ...(prepared_transactions === undefined
      ? []
      : [
          createFinding({
            recipe: 'watching',
            subject: 'told',
            severity: 'critical',
            summary: at,
            params: {xid: '7'},
          }),
        ]),
  ],
};

function keep(teller: ReturnType<typeof attachFactFindings>, snapshot: Snapshot, read: RecipeData) {
  return teller(snapshot, read, diagnoseAll([watching], snapshot, read).findings);
}

describe('findings from facts', () => {
  it('are recorded with the snapshot, keep their text, and are found on playback', () => {
    const teller = attachFactFindings([watching]);
    expect(keep(teller, first, {}).fact_findings).toEqual([]);
    const early = keep(teller, second, facts);
    expect(early.fact_findings).toMatchObject([{subject: 'told', summary: second.at}]);
    expect(early.fact_findings?.[0]).not.toHaveProperty('params');
    expect(keep(teller, third, facts).fact_findings).toBe(early.fact_findings);
    expect(keep(teller, third, {...facts}).fact_findings).toMatchObject([{summary: third.at}]);
    expect(diagnoseRecorded([watching], early).findings.map(({subject}) => subject)).toEqual([
      'told',
      'seen',
    ]);
    expect(diagnoseRecorded([watching], second).findings.map(({subject}) => subject)).toEqual(['seen']);
  });

  it('are recorded only when they change', async () => {
    const teller = attachFactFindings([watching]);
    const encoder = createEncoder();
    const kept = [keep(teller, first, facts), keep(teller, second, facts), keep(teller, third, {})];
    const frames = [];
    for (const each of kept) frames.push(await encoder.encode(each, null));
    encoder.restart();
    const again = decodeGroup(frames);
    expect(again.map(({fact_findings}) => fact_findings)).toEqual(kept.map(each => each.fact_findings));
    expect(again[2]?.fact_findings).toEqual([]);
    expect(frames[1]?.payload.length).toBeLessThan((frames[0]?.payload.length ?? 0) / 3);
  });
});
