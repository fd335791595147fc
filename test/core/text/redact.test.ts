import {describe, expect, it} from 'vitest';
import {redactLiterals} from '../../../source/core/sql/shown-sql.ts';
import {redactDeep, redactSecrets} from '../../../source/core/text/redact.ts';

describe('redactLiterals', () => {
  it.each([
    ["SELECT 'a''b', 1.5e3, x1, t2.c, $1", 'SELECT ?, ?, x1, t2.c, $1'],
    [
      'UPDATE "T1" SET a = .5 WHERE b = 0x1F -- why\n  AND c = 1_000',
      'UPDATE "T1" SET a = ? WHERE b = ? AND c = ?',
    ],
    ["SELECT $$it's$$, $q$ a $$ b $q$, 'z'", 'SELECT ?, ?, ?'],
    ["SELECT E'\\'x', B'01', U&'d\\0061t', N'x'", 'SELECT ?, ?, ?, ?'],
    ["/* route='/x' */ SELECT 1 /* user='ann' */", 'SELECT ?'],
    ["SELECT 'cut off in the mid", 'SELECT ?'],
    ['SELECT $$cut off', 'SELECT ?'],
    ["ALTER ROLE app PASSWORD 'hush'", 'ALTER ROLE app PASSWORD ?'],
    ['SELECT a$b, 5::int2', 'SELECT a$b, ?::int2'],
    ['', ''],
  ])('%s', (sql, redacted) => expect(redactLiterals(sql)).toBe(redacted));
});

describe('redactSecrets', () => {
  it.each([
    ['postgres://ann:hush@db/shop?password=hush&x=1', 'postgres://ann:***@db/shop?password=***&x=1'],
    ['postgresql://ann:hu@sh/hush@db/shop', 'postgresql://ann:***@db/shop'],
    ["ALTER ROLE ann PASSWORD 'hu''sh' LOGIN", 'ALTER ROLE ann PASSWORD *** LOGIN'],
    ['ALTER ROLE ann PASSWORD $x$hush$x$', 'ALTER ROLE ann PASSWORD ***'],
    ["ALTER ROLE ann PASSWORD U&'hush'", 'ALTER ROLE ann PASSWORD ***'],
    ["ALTER ROLE ann PASSWORD/**/'hush' LOGIN", 'ALTER ROLE ann PASSWORD/**/*** LOGIN'],
    ["ALTER ROLE ann PASSWORD 'hu'\n 'sh' LOGIN", 'ALTER ROLE ann PASSWORD *** LOGIN'],
    ["OPTIONS (user 'u', \"password\" 'hush')", 'OPTIONS (user \'u\', "password" ***)'],
    ["CONNECTION 'host=h password=''hu sh'' dbname=d'", "CONNECTION 'host=h password=*** dbname=d'"],
    ['ALTER ROLE ann PASSWORD $$hush', 'ALTER ROLE ann PASSWORD ***'],
    ['host=db password=hush dbname=shop', 'host=db password=*** dbname=shop'],
    ["PGPASSWORD='hush' psql", 'PGPASSWORD=*** psql'],
    // Each is the only word of a secret in its text.
    ['DB_PWD=hush ./deploy', 'DB_PWD=*** ./deploy'],
    ['psql -v pw=hush', 'psql -v pw=***'],
    ['{"credentials": "hush"}', '{"credentials": "***"}'],
    ['Authorization: hush', 'Authorization: ***'],
    ['http -u ann:hush h', 'http -u *** h'],
    ['dbpassword=hush', 'dbpassword=***'],
    ['token:hush', 'token:***'],
    ['X-Amz-Signature=hush', 'X-Amz-Signature=***'],
    ['pass=hush', 'pass=***'],
    ['git https://hush@github.com/x', 'git https://***@github.com/x'],
    ['jwt eyJhbGciOiJI.eyJzdWIiOiIx.hush_-x', 'jwt ***'],
    ['SELECT password::text, bypass=on', 'SELECT password::text, bypass=on'],
    ['unexpected token: x', 'unexpected token: x'],
    ['web password=***/app idle', 'web password=***/app idle'],
    ['postgres://ann@db:5432/shop', 'postgres://ann@db:5432/shop'],
  ])('%s', (text, redacted) => expect(redactSecrets(text)).toBe(redacted));

  it('redacts nested values', () => {
    expect(redactDeep({a: ['password=hush', 1, null], b: {c: true}})).toEqual({
      a: ['password=***', 1, null],
      b: {c: true},
    });
  });
});
