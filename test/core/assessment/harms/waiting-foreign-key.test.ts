import {describe, expect, it} from 'vitest';
import type {AssessmentFacts} from '../../../../source/model/assessment-facts.ts';
import type {Backend} from '../../../../source/model/snapshot.ts';
import {examine, reading} from './jams.ts';

describe('a foreign key without an index', () => {
  const facts: AssessmentFacts = {
    foreign_keys: [
      {
        name: 'activities_contact_id_fkey',
        schema: 'public',
        table: 'activities',
        columns: ['contact_id'],
        rows: 650_000,
        references_schema: 'public',
        references_table: 'contacts',
        deleted_with: ['public.accounts'],
      },
    ],
  };
  const purge = (query: string, of: Partial<Backend> = {}): Partial<Backend> => ({
    application_name: 'purge',
    usename: 'ops',
    state: 'active',
    query_age_ms: 40_000,
    xact_age_ms: 40_000,
    query,
    ...of,
  });
  const jam = (root: Partial<Backend>) =>
    reading({1: root, 2: {}, 3: {}}, [
      {pid: 2, blocked_by: [1]},
      {pid: 3, blocked_by: [1]},
    ]);

  it.each(['DELETE FROM "public"."accounts" WHERE id IN ($1, $2)', 'DELETE FROM contacts WHERE id = 4'])(
    'is the cause of what waits for %s',
    query => {
      const [finding] = examine(jam(purge(query)), facts);
      expect(finding).toMatchObject({
        cause: 'foreign-key',
        recipe: 'apply-indexes',
        params: {table: 'public.activities'},
        summary: expect.stringMatching(
          /^DELETE FROM .* \(purge\/ops, 40s\) scans activities \(650k rows\) for each deleted row of contacts: no index on \(contact_id\); 2 sessions wait for it, the longest for 9s$/,
        ),
        acts: [
          {recipe: 'apply-indexes'},
          {recipe: 'release-blockers', params: {pid: '1'}, frees: 'unblocks all 2 waiting sessions'},
        ],
        explains: expect.arrayContaining([
          'backend:1',
          'backend:2',
          'indexes:missing',
          'relation:public.activities',
        ]),
      });
    },
  );

  it.each<[string, Partial<Backend>, string]>([
    ['another table', purge('DELETE FROM orders'), 'running-blocker'],
    ['an UPDATE', purge('UPDATE accounts SET name = $1'), 'running-blocker'],
    [
      'a transaction long idle after its DELETE',
      purge('DELETE FROM accounts', {state: 'idle in transaction', state_age_ms: 60_000}),
      'idle-blocker',
    ],
  ])('is not the cause for %s', (_, root, cause) => {
    expect(examine(jam(root), facts)).toMatchObject([{cause}]);
  });

  it('is one finding for several purges', () => {
    const two = reading({1: purge('DELETE FROM accounts'), 2: purge('DELETE FROM accounts'), 3: {}, 4: {}}, [
      {pid: 3, blocked_by: [1]},
      {pid: 4, blocked_by: [2]},
    ]);
    const findings = examine(two, facts);
    expect(findings).toMatchObject([
      {cause: 'foreign-key', explains: expect.arrayContaining(['backend:1', 'backend:2'])},
    ]);
  });
});
