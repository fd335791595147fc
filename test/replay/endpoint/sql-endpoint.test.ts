import {describe, expect, it} from 'vitest';
import {AbortError} from '../../../source/core/errors.ts';
import {parseSqlEndpoint} from '../../../source/replay/endpoint/parse-sql.ts';
import type {SqlEndpoint, SqlNode} from '../../../source/replay/endpoint/sql-endpoint.ts';
import {writeSqlEndpoint} from '../../../source/replay/endpoint/sql-endpoint.ts';

const parse = (text: string) => parseSqlEndpoint(text, 'x.sql');

describe('a SQL endpoint file', () => {
  it('is read with route, samples, setup, variants and every directive', () => {
    const endpoint = parse(`-- a note
-- @endpoint GET /api/students
-- @sample {"school_id": 3}
-- @setup
ANALYZE;
-- @variant before
SELECT id FROM students WHERE school = $school_id; -- of one school
-- @each
SELECT name FROM students WHERE id = $id;
-- @think 20ms
-- @variant after
-- @parallel
-- @param $1 = 42
SELECT $1::int;
-- @repeat 3
-- @group
SELECT 2;
SELECT 3;
-- @end
-- @end
-- @transaction
DELETE FROM t;
-- @end
`);
    expect(endpoint).toEqual({
      route: 'GET /api/students',
      samples: [{school_id: 3}],
      setup: [statement('ANALYZE', 5)],
      variants: [
        {
          name: 'before',
          body: [
            statement('SELECT id FROM students WHERE school = $1', 7, [{name: 'school_id'}]),
            {
              kind: 'each',
              line: 8,
              body: [statement('SELECT name FROM students WHERE id = $1', 9, [{name: 'id'}])],
            },
            {kind: 'think', ms: 20, line: 10},
          ],
        },
        {
          name: 'after',
          body: [
            {
              kind: 'parallel',
              line: 12,
              body: [
                statement('SELECT $1::int', 14, [{value: 42}]),
                {
                  kind: 'repeat',
                  count: 3,
                  line: 15,
                  body: [
                    {kind: 'group', line: 16, body: [statement('SELECT 2', 17), statement('SELECT 3', 18)]},
                  ],
                },
              ],
            },
            {kind: 'transaction', line: 21, body: [statement('DELETE FROM t', 22)]},
          ],
        },
      ],
    });
  });

  it.each([
    ["SELECT ';', $a$;$x$a$, E'\\';', \";\" /* ; /* ; */ ; */ -- ;\n;", 1],
    ['SELECT a$b, $1;', 1],
    ["SELECT 'it''s $name;';", 1],
    ['SELECT 1; SELECT 2;', 2],
    ['SELECT 1;\n\n;SELECT 2;', 2],
  ])('has statements that end only at their own ;: %s', (text, count) => {
    const [variant] = parse(text).variants;
    expect(variant?.body).toHaveLength(count);
    for (const node of variant?.body ?? []) expect(node).toMatchObject({kind: 'statement', params: []});
  });

  it.each([
    ['null', {value: null}],
    ['-1.5', {value: -1.5}],
    ['"a\\nb"', {value: 'a\nb'}],
    ["'it''s'", {value: "it's"}],
    ['[1, 2]', {value: [1, 2]}],
    ['\\x00ff', {bytes: Buffer.from([0, 255])}],
    ['$id', {name: 'id'}],
  ])('has the parameter %s', (text, param) => {
    const [variant] = parse(`-- @param $1 = ${text}\nSELECT $1;`).variants;
    expect(variant?.body[0]).toMatchObject({params: [param]});
  });

  it.each([
    ['SELECT 1', 1, /does not end with/],
    ['', 1, /no statement/],
    ['-- @nope\nSELECT 1;', 1, /unknown directive @nope/],
    ['-- @parallel\nSELECT 1;', 1, /@parallel has no @end/],
    ['SELECT 1;\n-- @end', 2, /without a block/],
    ['-- @each\nSELECT $id;', 1, /statement before/],
    ['-- @repeat 0\nSELECT 1;', 1, /@repeat needs/],
    ['-- @param $2 = 1\nSELECT $2;', 1, /\$1 = VALUE/],
    ['-- @param $1 = one\nSELECT $1;', 1, /invalid value: use JSON/],
    ['SELECT 1;\n-- @think long', 2, /duration/],
    ['SELECT 1;\n-- @repeat 2\n', 3, /statement is missing/],
    ['-- @sample 3\nSELECT 1;', 1, /JSON object/],
    ['-- @variant a\nSELECT 1;\n-- @variant a\nSELECT 1;', 3, /duplicate variant "a"/],
  ])('is refused with the line of the mistake: %j', (text, line, message) => {
    expect(() => parse(text)).toThrow(AbortError);
    expect(() => parse(text)).toThrow(message);
    expect(() => parse(text)).toThrow(`x.sql:${line}: `);
  });
});

describe('the writer', () => {
  it('writes a file that is read back unchanged', () => {
    const endpoint: SqlEndpoint = {
      route: 'POST /api/bulk',
      samples: [{a: 'x;y'}],
      setup: [statement('SELECT 0', 0)],
      variants: [
        {
          name: 'captured',
          body: [
            statement('SELECT $1, $2, $3, $4', 0, [
              {value: "line\n-- @end 'x'"},
              {bytes: Buffer.from([1, 2])},
              {name: 'id'},
              {value: null},
            ]),
            {
              kind: 'each',
              line: 0,
              body: [
                {
                  kind: 'group',
                  line: 0,
                  body: [statement('SELECT $1', 0, [{name: 'id'}]), statement('SELECT 9', 0)],
                },
              ],
            },
            {kind: 'repeat', count: 4, line: 0, body: [statement('SELECT 2', 0)]},
            {kind: 'think', ms: 1.5, line: 0},
            {
              kind: 'parallel',
              line: 0,
              body: [
                statement('SELECT 3', 0),
                {kind: 'transaction', line: 0, body: [statement('SELECT 4', 0)]},
              ],
            },
          ],
        },
      ],
    };
    expect(withoutLines(parse(writeSqlEndpoint(endpoint)))).toEqual(withoutLines(endpoint));
  });

  it.each([
    ['SELECT 1 -- why', 'SELECT 1 -- why'],
    ['-- @variant x\nSELECT 1;', 'SELECT 1'],
    ['  SELECT 1 ; ', 'SELECT 1'],
  ])('writes a statement with comments as one statement: %j', (text, read) => {
    const endpoint = {
      route: 'x',
      samples: [{}],
      setup: [],
      variants: [{name: 'main', body: [statement(text, 0)]}],
    };
    expect(withoutLines(parse(writeSqlEndpoint(endpoint))).variants[0]?.body).toEqual([statement(read, 0)]);
  });
});

function statement(
  text: string,
  line: number,
  params: Extract<SqlNode, {kind: 'statement'}>['params'] = [],
): SqlNode {
  return {kind: 'statement', text, params, line};
}

function withoutLines(endpoint: SqlEndpoint): SqlEndpoint {
  return JSON.parse(JSON.stringify(endpoint, (key, value) => (key === 'line' ? 0 : value)));
}
