import {beforeAll, describe, expect, it} from 'vitest';
import {parseTags, redactLiterals, shownStatement} from '../../../source/core/sql/shown-sql.ts';
import {coarseTokens, type SqlToken, sqlTokens} from '../../../source/core/sql/tokens.ts';
import {secretStatements} from '../../helpers/secret-statements.ts';

describe('shownStatement', () => {
  it.each(secretStatements)('hides the secret of %s', sql => {
    expect(sql).toMatch(/hush/);
    expect(shownStatement(sql)).not.toMatch(/hush/i);
    expect(redactLiterals(sql)).not.toMatch(/hush/i);
  });

  it.each(secretStatements)('hides the secret of the truncated statement: %s', sql => {
    for (let end = 1; end < sql.length; end++) expect(shownStatement(sql.slice(0, end))).not.toMatch(/hush/i);
  });

  it.each([
    ['SELECT 1', 'SELECT 1'],
    ["SELECT a\nFROM t WHERE b = 'x' AND id = 4711", 'SELECT a\nFROM t WHERE b = ? AND id = 4711'],
    ['SELECT pg_advisory_xact_lock(72707369), $1, "T"."token" FROM "T"', null],
    ["/* route='/x' */ SELECT 1 -- why\n, 2", "/*route='%2Fx'*/ SELECT 1 \n, 2"],
    ["SELECT 1 /*token='hush',route='%2Fa%27b',why=it's*/", "SELECT 1 /*token='***',route='%2Fa%27b'*/"],
    ['/* a note */ SELECT 1', 'SELECT 1'],
    ['<insufficient privilege>', null],
    ['SELECT 1::numeric(10,2) LIMIT 5', null],
    ['SELECT "a"."token" FROM a JOIN b ON "a"."token" = "b"."token" WHERE "a"."token" = $1', null],
    ["SELECT 'it\\'s on', 'x'", 'SELECT ?'],
  ])('shows the rest of %j', (sql, shown) => expect(shownStatement(sql)).toBe(shown ?? sql));
});

describe("tokens begin and end where PostgreSQL's own scanner puts them", () => {
  let scan: (sql: string) => {start: number; end: number; tokenName: string}[];
  beforeAll(async () => {
    const {loadModule, scanSync} = await import('libpg-query');
    await loadModule();
    scan = sql => scanSync(sql).tokens;
  });

  it.each([
    ...secretStatements,
    ...["SELECT E'\\'x', B'01', U&'d\\0061t', N'x', x'1F'", 'SELECT $$it\'s$$, $q$ a $$ b $q$, "a""b"'],
    ...[
      'SELECT a$b, $1, 1.5e3, .5, 0x1F, 1_000 -- x\r, 2',
      'SELECT 1 /* a /* b */ c */ + 2',
      'SELECT a->>-1, @-5',
    ],
  ])('%s', sql => {
    const theirs = tryScan(sql);
    if (theirs === null) return;
    const bytes = Buffer.from(sql);
    const literals = theirs
      .map(({start, end, tokenName}) => ({tokenName, text: bytes.toString('utf8', start, end)}))
      .filter(({tokenName, text}) => isLiteral.test(tokenName) || /^(?:[uU]&|[bBxX])'/.test(text))
      .map(({text}) => text);
    const kinds: ReadonlySet<SqlToken['kind']> = new Set(['string', 'number', 'comment']);
    const tokens = sqlTokens(sql);
    const ours = tokens.flatMap(({kind, text}) => (kinds.has(kind) ? [text.replace(/^[nN]'/, "'")] : []));
    // The scanner joins a string with its continuation on the next line.
    expect(ours.join('')).toBe(literals.join('').replaceAll(/'\s*\n\s*'/g, "''"));
    expect(tokens.map(({text}) => text).join('')).toBe(sql);
    const isCut = ({kind}: SqlToken) => kind === 'string' || kind === 'comment';
    expect(coarseTokens(sql).filter(isCut)).toEqual(tokens.filter(isCut));
    expect(
      coarseTokens(sql)
        .map(({text}) => text)
        .join(''),
    ).toBe(sql);
  });

  const isLiteral = /^(?:[SFI]CONST|SQL_COMMENT|C_COMMENT)$/;

  /** Null for what cannot be scanned: it was cut off. */
  function tryScan(sql: string) {
    try {
      return scan(sql);
    } catch {
      return null;
    }
  }
});

describe('parseTags', () => {
  it.each([
    [null, {}],
    ['SELECT 1', {}],
    ['SELECT 1 /* no tags */', {}],
    ["SELECT 1 /*route='%2Fusers',action='index'*/", {route: '/users', action: 'index'}],
    ["/*application='web'*/ SELECT 1", {application: 'web'}],
    ["SELECT /*+ hint */ 1 /*route='a'*/", {route: 'a'}],
    ["SELECT 1 /* route='a' , db='b' */", {route: 'a', db: 'b'}],
    ["SELECT 1 /*name='O\\'Brien'*/", {name: "O'Brien"}],
    ["SELECT 1 /*k='100%'*/", {k: '100%'}],
    ["SELECT 1 /*k=''*/", {k: ''}],
    ["SELECT 1 /*=''*/", {}],
    ["SELECT 1 /*route='whole',traceparent='00-cut", {route: 'whole'}],
    ["SELECT 1 /*prismaQuery='User.findMany%3AeyJ9'*/", {prismaQuery: 'User.findMany:eyJ9'}],
    ["SELECT 1 /*__proto__='x'*/", Object.fromEntries([['__proto__', 'x']])],
  ])('%s', (query, expected) => {
    expect(parseTags(query)).toEqual(expected);
  });

  it('finds the tags after a long comment without tags', () => {
    expect(parseTags(`SELECT 1 /* ${'y'.repeat(200_000)} */ /*route='a'*/`)).toEqual({route: 'a'});
  });
});
