import {describe, expect, it} from 'vitest';
import {examineChatty} from '../../../../source/core/assessment/harms/chatty.ts';
import {type Course, contextOf} from './courses.ts';

const page: Course = {
  query: 'SELECT "id" FROM "Post" ORDER BY "createdAt" LIMIT 100',
  per_second: 2,
  before: 5000,
};

const lookup: Course = {query: 'SELECT "name" FROM "Author" WHERE "id" = $1', per_second: 200};

const twin: Course = {query: 'SELECT "name" FROM "Author" WHERE "id" = ANY ($1)', before: 5000};

describe('a chatty application', () => {
  it('has a statement that is called a hundred times per request, new, and its twin fell silent', () => {
    expect(examineChatty(contextOf([page, lookup, twin]))).toMatchObject([
      {
        cause: 'chatty',
        recipe: 'chatty',
        subject: 'role:shop_app/chatty',
        summary: expect.stringMatching(
          /^shop: 1 statement run 100 times as often as SELECT "id" FROM "Post".*1 query with key lists \(IN\) stopped: 200 round trips\/s \(N\+1\)$/,
        ),
        confidence: 'likely',
        explains: ['statement:2'],
      },
    ]);
  });

  it.each([
    ['more often per request than before', 5000, 1],
    ['as often per request as ever', 500_000, 0],
  ])('has it %s, where the age of the statistics is not known', (_, before, count) => {
    const context = contextOf([page, {...lookup, before}]);
    const {snapshot} = context;
    const statements_info = snapshot.statements_info && {...snapshot.statements_info, stats_reset: null};
    const findings = examineChatty({...context, snapshot: {...snapshot, statements_info}});
    expect(findings).toHaveLength(count);
  });

  it.each<[string, Course[]]>([
    ['a lookup that was always as busy', [page, {...lookup, before: 8_000_000}]],
    ['a lookup ten times a second', [page, {...lookup, per_second: 10}]],
    ['a lookup that takes long', [page, {...lookup, ms_per_call: 20}]],
    ['a lookup out of step with anything', [{...lookup}, {...page, per_second: 150}]],
    ['one that ended', [{...page, until: 8}, {...lookup, until: 8}, twin]],
  ])('is not seen in %s', (_, courses) => {
    expect(examineChatty(contextOf(courses))).toEqual([]);
  });
});
