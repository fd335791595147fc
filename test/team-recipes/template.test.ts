import {describe, expect, it} from 'vitest';
import {fill, parseTemplate} from '../../source/team-recipes/template.ts';

const values: Record<string, string | number | null> = {
  table: 'Odd "name"',
  note: "it's \\ odd",
  least: 5,
  unset: null,
};

function filled(sql: string) {
  const {template, problem} = parseTemplate(sql, 1);
  expect(problem).toBeNull();
  return fill(template, name => values[name] ?? null);
}

describe('$name and :name in SQL', () => {
  it.each([
    ['a value', 'SELECT $least', 'SELECT $1', [5]],
    ['one value twice', 'SELECT $least, $note, $least', 'SELECT $1, $2, $1', [5, values.note]],
    ['an identifier', 'DROP TABLE public.:"table"', 'DROP TABLE public."Odd ""name"""', []],
    ['a literal', "COMMENT ON TABLE t IS :'note'", "COMMENT ON TABLE t IS E'it''s \\\\ odd'", []],
    ['no literal', "COMMENT ON TABLE t IS :'unset'", 'COMMENT ON TABLE t IS NULL', []],
    ['a value that is not set', 'SELECT $unset::text', 'SELECT $1::text', [null]],
    ['not in a string', "SELECT '$least', E'\\'$least'", "SELECT '$least', E'\\'$least'", []],
    ['not in a quoted name', 'SELECT "$least"', 'SELECT "$least"', []],
    ['not in a comment', 'SELECT 1 -- $least\n/* :"table" */', 'SELECT 1 -- $least\n/* :"table" */', []],
    [
      'not in dollar quotes',
      'SELECT $$ $least $$, $q$ $least $q$',
      'SELECT $$ $least $$, $q$ $least $q$',
      [],
    ],
    ['not after a cast', 'SELECT relkind::"char"', 'SELECT relkind::"char"', []],
    ['not within a name', 'SELECT a$least', 'SELECT a$least', []],
    ['not a number', 'SELECT $1', 'SELECT $1', []],
    ['a semicolon at the end', 'SELECT 1 ; -- done', 'SELECT 1  -- done', []],
  ])('%s', (_, sql, text, expected) => {
    expect(filled(sql)).toEqual({text, values: expected});
  });

  it('refuses an identifier that is empty', () => {
    expect(() => filled('DROP TABLE :"unset"')).toThrow('unset is empty');
  });

  it.each([
    [
      'a second statement',
      'SELECT 1;\nSELECT 2',
      {line: 11, message: expect.stringContaining('a block may contain only one statement')},
    ],
    ['nothing', '-- nothing', {line: 10, message: expect.stringContaining('empty block')}],
  ])('reports %s', (_, sql, problem) => {
    expect(parseTemplate(sql, 10).problem).toEqual(problem);
  });
});
