import {describe, expect, it} from 'vitest';
import {
  mayContainSecret,
  splitStatements,
  withDeclaredTypes,
  withoutTrace,
} from '../../../source/replay/capture/units.ts';

describe('splitStatements', () => {
  it.each([
    ['SELECT 1', ['SELECT 1']],
    ['SELECT 1; SELECT 2;', ['SELECT 1', 'SELECT 2']],
    [`SELECT ';'; -- nothing; here\n`, [`SELECT ';'`]],
    ['DO $$ BEGIN; END $$; SELECT 1', ['DO $$ BEGIN; END $$', 'SELECT 1']],
    [';; /* only; this */ ;', []],
  ])('%j', (text, statements) => {
    expect(splitStatements(text)).toEqual(statements);
  });
});

describe('mayContainSecret', () => {
  it.each([
    [`CREATE ROLE app LOGIN PASSWORD 'x'`, true],
    [`/* a */ alter user app with encrypted password 'x'`, true],
    [`CREATE SUBSCRIPTION s CONNECTION 'host=h' PUBLICATION p`, true],
    [`SELECT dblink_connect('host=h password=x')`, true],
    ['UPDATE users SET password = $1 WHERE id = $2', false],
    ['SELECT "password" FROM users', false],
    ['CREATE TABLE role (id int)', false],
  ])('%s', (text, isSecret) => {
    expect(mayContainSecret(text)).toBe(isSecret);
  });
});

describe('withDeclaredTypes', () => {
  it.each([
    ['SELECT $1', [0], 'SELECT $1'],
    ['SELECT $1, $2', [20, 0], 'SELECT $1::int8, $2'],
    ['SELECT $1::int4', [20], 'SELECT $1::int4'],
    ['SELECT $1[1]', [1007], 'SELECT ($1::int4[])[1]'],
    ['SELECT $1', [99_999], 'SELECT $1'],
    [
      `SELECT '$1', "$1", E'\\'$1', $a$ $1 $a$, a$1 /* $1 */ -- $1\n, $1`,
      [25],
      `SELECT '$1', "$1", E'\\'$1', $a$ $1 $a$, a$1 /* $1 */ -- $1\n, $1::text`,
    ],
    ['SELECT $1, $10', [23], 'SELECT $1::int4, $10'],
  ])('%s %j', (text, declared, expected) => {
    expect(withDeclaredTypes(text, declared)).toBe(expected);
  });
});

describe('withoutTrace', () => {
  it.each([
    [`SELECT 1 /*a='b',traceparent='00-1-2-01'*/`, 'SELECT 1'],
    [`SELECT 1 /*action='list'*/`, `SELECT 1 /*action='list'*/`],
    [`SELECT /* traceparent= */ 1`, `SELECT /* traceparent= */ 1`],
  ])('%s', (text, expected) => {
    expect(withoutTrace(text)).toBe(expected);
  });
});
