import {describe, expect, it} from 'vitest';
import {codeOnly, findPoolCalls, patchCall} from '../../../source/core/pool/adapter-call.ts';

const settings = {max: 7, connectionTimeoutMillis: 10_000, idleTimeoutMillis: 30_000};
const all = 'max: 7, connectionTimeoutMillis: 10000, idleTimeoutMillis: 30000';

describe('patchCall', () => {
  it.each([
    ['an object on one line', 'new PrismaPg({connectionString})', `new PrismaPg({connectionString, ${all}})`],
    [
      'blanks inside the braces',
      'new PrismaPg({ connectionString: url })',
      `new PrismaPg({ connectionString: url, ${all} })`,
    ],
    ['an empty object', 'new Pool({})', `new Pool({${all}})`],
    [
      'existing settings',
      'new Pool({max: 10, idleTimeoutMillis: 1_000, connectionTimeoutMillis: 0})',
      'new Pool({max: 7, idleTimeoutMillis: 30000, connectionTimeoutMillis: 10000})',
    ],
    [
      'several lines, a comma at the end',
      'new PrismaPg({\n  connectionString: process.env.DATABASE_URL,\n})',
      'new PrismaPg({\n  connectionString: process.env.DATABASE_URL,\n  max: 7,\n  connectionTimeoutMillis: 10000,\n  idleTimeoutMillis: 30000,\n})',
    ],
    [
      'several lines, no comma at the end, and a comment',
      'new PrismaPg(\n{\n    connectionString: url // max: 3, }\n  }, {schema})',
      'new PrismaPg(\n{\n    connectionString: url, // max: 3, }\n    max: 7,\n    connectionTimeoutMillis: 10000,\n    idleTimeoutMillis: 30000,\n  }, {schema})',
    ],
    [
      'Windows line endings',
      'new Pool({\r\n\tmax: 1\r\n})',
      'new Pool({\r\n\tmax: 7,\r\n\tconnectionTimeoutMillis: 10000,\r\n\tidleTimeoutMillis: 30000,\r\n})',
    ],
    [
      'a spread before the settings',
      'new Pool({...config, max: 2})',
      'new Pool({...config, max: 7, connectionTimeoutMillis: 10000, idleTimeoutMillis: 30000})',
    ],
    [
      'max in a nested object',
      'new Pool({ssl: {max: 3}, note: "max: 4"})',
      `new Pool({ssl: {max: 3}, note: "max: 4", ${all}})`,
    ],
  ])('%s', (_, call, patched) => expect(patchCall(call, settings)).toBe(patched));

  it.each([
    ['a variable', 'new PrismaPg(pool)'],
    ['a pool passed as an argument', 'new PrismaPg({pool})'],
    ['a string', 'new PrismaPg("postgresql://x")'],
    ['a setting that is not a number', 'new Pool({max: Number(process.env.MAX ?? 10)})'],
    ['a setting that a spread overrides', 'new Pool({max: 3, ...config})'],
    ['a shorthand setting', 'new Pool({max})'],
  ])('returns null: %s', (_, call) => expect(patchCall(call, settings)).toBeNull());

  it('changes nothing if every option is set already', () => {
    const call = `new Pool({${all}})`;
    expect(patchCall(call, settings)).toBe(call);
  });
});

describe('findPoolCalls', () => {
  it.each([
    ['an adapter', 'const a = new PrismaPg({ max: 3 });', ['new PrismaPg({ max: 3 })']],
    [
      'the pool that is passed to it',
      'const pool = new pg.Pool({max: 3});\nnew PrismaPg(pool);',
      ['new pg.Pool({max: 3})'],
    ],
    ['an adapter whose pool comes from elsewhere', 'new PrismaPg(pool)', ['new PrismaPg(pool)']],
    ['not in a comment or a string', '// new PrismaPg({})\nconst text = "new PrismaPg({})";', []],
    ['not another pool', 'new Pool({max: 3})', []],
    ['not a truncated call', 'new PrismaPg({max: 3', []],
  ])('%s', (_, text, expected) => expect(findPoolCalls(text).map(call => call.text)).toEqual(expected));

  it.each([
    ['{max: 1_0, idleTimeoutMillis: x}', {max: 10, idleTimeoutMillis: null}],
    ['{connectionString}', {}],
    ['{max: parsed.max ?? 20}', {max: null}],
    ['{connectionString, max}', {max: null}],
    ['{...base, max: 4}', {max: 4, connectionTimeoutMillis: null, idleTimeoutMillis: null}],
    ['{max: 4, ...base}', {max: null, connectionTimeoutMillis: null, idleTimeoutMillis: null}],
    ['config', {max: null, connectionTimeoutMillis: null, idleTimeoutMillis: null}],
  ])('returns the pool options of %s as numbers, and null for what is not known', (args, settings) => {
    expect(findPoolCalls(`new PrismaPg(${args})`)[0]?.settings).toEqual(settings);
  });
});

describe('findPoolCalls of Prisma 8', () => {
  const head = "import postgres from '@prisma/orm-postgres/runtime';\n";
  const own = {connectionTimeoutMillis: 20_000, idleTimeoutMillis: 30_000};
  const unknown = {max: null, connectionTimeoutMillis: null, idleTimeoutMillis: null};
  it.each<[string, string, [string, object, boolean][]]>([
    [
      'its own pool',
      'const db = postgres<Contract>({contractJson, url});',
      [['postgres<Contract>({contractJson, url})', own, true]],
    ],
    [
      'its own timeouts',
      'postgres({url, poolOptions: {connectionTimeoutMillis: 5_000, idleTimeoutMillis: ms}, middleware: [lints()]})',
      [
        [
          expect.stringMatching(/^postgres/) as unknown as string,
          {connectionTimeoutMillis: 5000, idleTimeoutMillis: null},
          true,
        ],
      ],
    ],
    [
      'a pool in its call',
      'postgres<Contract>({contractJson, pg: new Pool({connectionString, max: 4})})',
      [['new Pool({connectionString, max: 4})', {max: 4}, false]],
    ],
    [
      'a pool beside it',
      'const pool = new pg.Pool({max: 3});\nexport const db = postgres({contractJson, pg: pool});',
      [['new pg.Pool({max: 3})', {max: 3}, false]],
    ],
    [
      'a pool that comes from elsewhere',
      'postgres({contractJson, pg: createPool()})',
      [['postgres({contractJson, pg: createPool()})', unknown, true]],
    ],
    ['no call of its name on another object', 'sql.postgres({url})', []],
  ])('%s', (_, text, expected) => {
    const found = findPoolCalls(head + text);
    expect(found.map(({text: call, settings, isFixed}) => [call, settings, isFixed])).toEqual(expected);
  });

  it('knows it by the name that the file gives it', () => {
    const text = "import db8 from '@prisma/orm-postgres/runtime';\ndb8({url}); postgres({url});";
    expect(findPoolCalls(text).map(call => call.text)).toEqual(['db8({url})']);
  });
});

it('comments and strings are blanked without moving code', () => {
  const text = 'a("x\\"}") /* { \n */ + `$' + '{b}` // }\nc';
  const code = codeOnly(text);
  expect(code).toHaveLength(text.length);
  expect(code.replace(/ +/g, ' ')).toBe('a(" ") \n + ` ` \nc');
});
