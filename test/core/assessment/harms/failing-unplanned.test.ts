import {describe, expect, it} from 'vitest';
import {examineUnplanned} from '../../../../source/core/assessment/harms/failing-unplanned.ts';
import {insert, session} from './failing-readings.ts';
import {contextOf, type Reading} from './readings.ts';

describe('examineUnplanned', () => {
  const unplanned = (query_id: string | null, version = 180_004): Reading => ({
    backends: [
      session(1, insert, {query_id}),
      session(2, insert, {query_id}),
      session(3, 'SELECT 1', {application_name: 'other'}),
    ],
    target: {server_version_num: version},
  });

  it('sees by a missing query id that statements fail before they are planned', () => {
    expect(examineUnplanned(contextOf(8, () => unplanned(null)))).toMatchObject([
      {
        cause: 'unplanned-statement',
        severity: 'critical',
        summary:
          'statements of ingest/shop_app fail before they are planned (INSERT INTO public.readings, last in 2 of 2 sessions): an unknown table (42P01), column (42703) or function (42883); the server log has the error',
        harm: {kind: 'failing', sessions: 2, share: 1, since: null},
        acts: [{recipe: null}],
      },
    ]);
  });

  it('names the search_path of the role', () => {
    const facts = {setting_overrides: [{name: 'search_path', value: 'v2', role: 'shop_app', database: null}]};
    expect(examineUnplanned(contextOf(8, () => unplanned(null), facts))).toMatchObject([
      {
        cause: 'search-path',
        recipe: 'reset-role-setting',
        params: {setting: 'search_path', role: 'shop_app', recycle: 'yes', application: 'ingest'},
        summary: expect.stringMatching(/: search_path = v2 is set for role shop_app$/),
      },
    ]);
  });

  it.each([
    ['have query ids', 8, unplanned('7')],
    ['have none on a server that does not report them all', 8, unplanned(null, 160_004)],
    ['were read a few times only', 3, unplanned(null)],
  ])('is silent where statements %s', (_, count, reading) => {
    expect(examineUnplanned(contextOf(count, () => reading))).toEqual([]);
  });
});
