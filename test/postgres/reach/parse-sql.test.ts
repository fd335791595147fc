import {expect, it} from 'vitest';
import {loadSqlParser, toPlannable} from '../../../source/postgres/reach/parse-sql.ts';

const parser = await loadSqlParser();

it.each([
  ['leaves a statement as it is', 'SELECT a FROM t WHERE b = $1', 'SELECT a FROM t WHERE b = $1'],
  ['drops comments and the last semicolon', "SELECT 1 -- one\n /*route='x'*/;", 'SELECT 1'],
  ['keeps strings and names', `SELECT '$1; /* */', "a ""b" FROM t`, `SELECT '$1; /* */' , "a ""b" FROM t`],
  [
    'assumes one page for LIMIT and OFFSET parameters',
    'SELECT 1 LIMIT $1 OFFSET $2',
    'SELECT 1 LIMIT 100 OFFSET 0',
  ],
  ['leaves LIMIT of a number', 'SELECT 1 LIMIT 5', 'SELECT 1 LIMIT 5'],
  ['renumbers the remaining parameters without gaps', 'SELECT $2 LIMIT $1', 'SELECT $1 LIMIT 100'],
  ['keeps one number for one parameter', 'SELECT $3, $2, $3', 'SELECT $1 , $2 , $1'],
  [
    'casts a parameter that follows a type name',
    'SELECT date $1, interval $2 day',
    'SELECT $1::date , $2::interval',
  ],
  ['inserts a field for extract', 'SELECT extract($1 FROM a)', "SELECT extract ( 'epoch' FROM a )"],
  ['expands a list that PostgreSQL 18 shortened', 'a IN ($1 /*, ... */)', 'a IN ( $1 , $1 , $1 )'],
  ['counts characters, not bytes', "SELECT 'ä', $1", "SELECT 'ä' , $1"],
])('%s', (_, query, expected) => {
  expect(toPlannable(query, parser)).toBe(expected);
});

it('gives parameters values, the LIMIT of the statement itself a number, and arguments of any type text', () => {
  const query = 'SELECT concat($1, lower($2)) FROM (SELECT a FROM t LIMIT $3) s WHERE a = $4 LIMIT $5';
  expect(toPlannable(query, parser, {limit: 25, literals: new Map([[4, "it's"]])})).toBe(
    "SELECT concat ( $1::text , lower ( $2 ) ) FROM ( SELECT a FROM t LIMIT 100 ) s WHERE a = 'it''s' LIMIT 25",
  );
  expect(toPlannable('SELECT a FROM t LIMIT $1', parser, {limit: null})).toBe('SELECT a FROM t LIMIT ALL');
});

it('the result of CASE is read as a number on request', () => {
  const query = 'SELECT sum(CASE WHEN a = $1 THEN $2 ELSE $3 END)';
  expect(toPlannable(query, parser, {is_numeric_case: true})).toBe(
    'SELECT sum ( CASE WHEN a = $1 THEN 0 ELSE 0 END )',
  );
});
