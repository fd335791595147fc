import {describe, expect, it} from 'vitest';
import {type PreflightOptions, preflight} from '../../../source/core/migration/preflight.ts';
import {relationsOf} from '../../../source/core/migration/traffic.ts';
import type {MigrationTarget, TargetRelation} from '../../../source/model/preflight.ts';
import {loadSqlParser} from '../../../source/postgres/reach/parse-sql.ts';

const parser = await loadSqlParser();

function judge(sql: string, options: Partial<PreflightOptions> = {}) {
  const statements = parser.split(sql).map(({node, ...each}) => ({
    ...{...each, node, file: ''},
    inner: 'DoStmt' in node ? parser.readBlock(each.sql) : null,
  }));
  return preflight(statements, {target: null, reading: null, autocommit: false, ...options});
}

/** `safe`, or the verdict with what is locked: `unsafe ACCESS EXCLUSIVE t rewrite`. */
function summary(sql: string): string {
  const [first] = judge(sql);
  if (first === undefined) return 'nothing';
  const locks = first.locks.map(({mode, relation}) => `${mode} ${relation}`);
  const work = first.rewrites ? 'rewrite' : first.rewrites === null ? 'unknown' : first.scans ? 'scan' : '';
  return [first.verdict, ...locks, work].filter(Boolean).join(', ');
}

describe('preflight, from the text alone', () => {
  it.each([
    ['ALTER TABLE t ADD COLUMN a int', 'safe, ACCESS EXCLUSIVE t'],
    ["ALTER TABLE t ADD COLUMN a text NOT NULL DEFAULT 'x'", 'safe, ACCESS EXCLUSIVE t'],
    ['ALTER TABLE t ADD COLUMN a timestamptz DEFAULT now()', 'safe, ACCESS EXCLUSIVE t'],
    ['ALTER TABLE t ADD COLUMN a uuid DEFAULT gen_random_uuid()', 'unsafe, ACCESS EXCLUSIVE t, rewrite'],
    ['ALTER TABLE t ADD COLUMN a text DEFAULT cuid()', 'unsafe, ACCESS EXCLUSIVE t, unknown'],
    ['ALTER TABLE t ADD COLUMN a "Role"', 'unsafe, ACCESS EXCLUSIVE t, unknown'],
    ['ALTER TABLE t ADD COLUMN a jsonb, ADD b varchar(9)[], ADD c vector(3)', 'safe, ACCESS EXCLUSIVE t'],
    ['ALTER TABLE t ADD COLUMN a bigserial', 'unsafe, ACCESS EXCLUSIVE t, rewrite'],
    ['ALTER TABLE t ADD COLUMN a int GENERATED ALWAYS AS (b) VIRTUAL', 'safe, ACCESS EXCLUSIVE t'],
    ['ALTER TABLE t ADD COLUMN a int REFERENCES u (id)', 'safe, ACCESS EXCLUSIVE t, SHARE ROW EXCLUSIVE u'],
    ['ALTER TABLE t ALTER COLUMN a TYPE bigint', 'unsafe, ACCESS EXCLUSIVE t, unknown'],
    ['ALTER TABLE t ALTER COLUMN a SET NOT NULL', 'unsafe, ACCESS EXCLUSIVE t, scan'],
    ['ALTER TABLE t ALTER COLUMN a SET DEFAULT 1', 'safe, ACCESS EXCLUSIVE t'],
    ['ALTER TABLE t VALIDATE CONSTRAINT c', 'safe, SHARE UPDATE EXCLUSIVE t, scan'],
    ['ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID', 'safe, ACCESS EXCLUSIVE t'],
    ['ALTER TABLE t SET (autovacuum_enabled = off)', 'safe, SHARE UPDATE EXCLUSIVE t'],
    ['ALTER TABLE t DISABLE TRIGGER x', 'safe, SHARE ROW EXCLUSIVE t'],
    ['CREATE INDEX i ON t (a)', 'unsafe, SHARE t, scan'],
    ['CREATE INDEX CONCURRENTLY i ON t (a)', 'safe, SHARE UPDATE EXCLUSIVE t, scan'],
    ['DROP INDEX i', 'safe, ACCESS EXCLUSIVE table of i, ACCESS EXCLUSIVE i'],
    ['TRUNCATE t, u', 'safe, ACCESS EXCLUSIVE t, ACCESS EXCLUSIVE u'],
    ['UPDATE t SET a = 1', 'unsafe, ROW EXCLUSIVE t, scan'],
    ['UPDATE t SET a = 1 WHERE b = 2', 'unsafe, ROW EXCLUSIVE t, scan'],
    ['SELECT count(*) FROM t', 'safe, scan'],
    ['INSERT INTO t SELECT * FROM u', 'safe, ROW EXCLUSIVE t, scan'],
    ["INSERT INTO t VALUES (1, now(), 'x')", 'safe, ROW EXCLUSIVE t'],
    [
      'WITH x AS (DELETE FROM t RETURNING *) INSERT INTO u SELECT * FROM x',
      'unsafe, ROW EXCLUSIVE u, ROW EXCLUSIVE t, scan',
    ],
    ['EXPLAIN ANALYZE DELETE FROM t', 'unsafe, ROW EXCLUSIVE t, scan'],
    ['EXPLAIN DELETE FROM t', 'safe'],
    ['SELECT * FROM t FOR UPDATE', 'unsafe, ROW SHARE t, scan'],
    ['CREATE TABLE n (a int REFERENCES t)', 'safe, SHARE ROW EXCLUSIVE t'],
    ['LOCK TABLE t IN SHARE MODE', 'safe, SHARE t'],
    ['CREATE TYPE e AS ENUM ()', 'safe'],
    ["DO $$BEGIN EXECUTE 'x'; END$$", 'unsafe, unknown'],
    ['DO $$BEGIN ALTER TABLE t ADD COLUMN a int; END$$', 'safe, ACCESS EXCLUSIVE t'],
    ['CALL f()', 'unsafe, unknown'],
    ['SELECT backfill_all()', 'unsafe, unknown'],
    ['SELECT app.now()', 'unsafe, unknown'],
    ["SELECT setval('s', (SELECT max(id) FROM t))", 'safe, scan'],
    ['UPDATE t SET a = f()', 'unsafe, ROW EXCLUSIVE t, unknown'],
    ['DO $$BEGIN ALTER TABLE t ADD a int; PERFORM f(); END$$', 'unsafe, ACCESS EXCLUSIVE t, unknown'],
    ['DO $$BEGIN CALL f(); END$$', 'unsafe, unknown'],
    ['DO $$DECLARE x int; BEGIN x := f(); END$$', 'unsafe, unknown'],
    ['DO $$DECLARE x int := f(); BEGIN NULL; END$$', 'unsafe, unknown'],
    ['DO $$BEGIN IF f() THEN NULL; END IF; END$$', 'unsafe, unknown'],
    ['DO $$DECLARE r record; BEGIN FOR r IN SELECT 1 LOOP NULL; END LOOP; END$$', 'unsafe, unknown'],
    ["DO $$DECLARE c refcursor; BEGIN OPEN c FOR EXECUTE 'SELECT 1'; END$$", 'unsafe, unknown'],
    ['DO $$BEGIN CREATE TABLE n (a int); UPDATE n SET a = f(); END$$', 'unsafe, unknown'],
    [
      "DO $$BEGIN IF NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conname = 'c') THEN ALTER TABLE t ADD a int; END IF; END$$",
      'safe, ACCESS EXCLUSIVE t',
    ],
    ['CREATE TEMP TABLE n (a int)', 'safe'],
    ['', 'nothing'],
    ['-- only a comment', 'nothing'],
  ])('%s', (sql, expected) => {
    expect(summary(sql)).toBe(expected);
  });

  it('leaves out what the migration makes itself', () => {
    const statements = judge(
      'CREATE TABLE n (a int); CREATE INDEX i ON n (a); DROP INDEX i; ALTER TABLE n RENAME TO m; ALTER TABLE m ALTER a TYPE text',
    );
    expect(statements.map(({verdict, locks}) => [verdict, locks])).toEqual(
      statements.map(() => ['safe', []]),
    );
  });

  it('knows the indexes and sequences that come with what it makes', () => {
    const statements = judge(
      'CREATE TABLE n (id serial PRIMARY KEY); ALTER SEQUENCE n_id_seq RESTART 5; ALTER INDEX n_pkey RENAME TO p; ALTER TABLE t ADD c serial; ALTER SEQUENCE t_c_seq RESTART 2; SELECT 1 AS a INTO m; DROP TABLE m',
    );
    expect(statements.flatMap(({locks}) => locks.map(({relation}) => relation))).toEqual(['t']);
  });

  it.each<[sql: string, last: string]>([
    ['CREATE TABLE t (a int); ALTER TABLE t_items ADD b int', 'ACCESS EXCLUSIVE t_items'],
    [
      'CREATE TABLE t (a int UNIQUE, b int, EXCLUDE USING btree (b WITH =)); ALTER INDEX t_a_key RENAME TO k',
      '',
    ],
    ['CREATE TABLE t (a int, b int); CREATE INDEX ON t (a, b); DROP INDEX t_a_b_idx', ''],
    ['CREATE TABLE t (a int GENERATED ALWAYS AS IDENTITY); ALTER SEQUENCE t_a_seq RESTART 5', ''],
    ['CREATE TABLE IF NOT EXISTS t (a int); ALTER TABLE t ADD b int', 'ACCESS EXCLUSIVE t'],
    [
      'CREATE INDEX IF NOT EXISTS i ON t (a); DROP INDEX i',
      'ACCESS EXCLUSIVE table of i, ACCESS EXCLUSIVE i',
    ],
    [
      "CREATE FUNCTION f() RETURNS text LANGUAGE sql AS 'SELECT 1'; ALTER TABLE t ADD b text DEFAULT f()",
      'ACCESS EXCLUSIVE t, rewrite',
    ],
    [
      "CREATE FUNCTION f() RETURNS text LANGUAGE sql STABLE AS 'SELECT 1'; ALTER TABLE t ADD b text DEFAULT f()",
      'ACCESS EXCLUSIVE t',
    ],
    [
      "CREATE DOMAIN email AS text CHECK (VALUE <> ''); ALTER TABLE t ADD b email",
      'ACCESS EXCLUSIVE t, rewrite',
    ],
    [
      'SET search_path = app; CREATE TABLE t (a int); ALTER TABLE public.t ADD b int',
      'ACCESS EXCLUSIVE public.t',
    ],
    ['SET search_path = app; CREATE TABLE t (a int); ALTER TABLE app.t ADD b int', ''],
  ])('%s', (sql, expected) => {
    const last = judge(sql).at(-1);
    const locks = last?.locks.map(({mode, relation}) => `${mode} ${relation}`) ?? [];
    expect([...locks, last?.rewrites ? 'rewrite' : ''].filter(Boolean).join(', ')).toBe(expected);
  });

  it('holds locks to the end of a transaction, which is the file unless it says otherwise', () => {
    const sql = 'ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID; ALTER TABLE t VALIDATE CONSTRAINT c';
    expect(judge(sql)[1]).toMatchObject({
      verdict: 'unsafe',
      reasons: [
        'reads a whole table while reads and writes of t wait: the lock of line 1 is held to the end of the transaction',
      ],
    });
    expect(judge(sql, {autocommit: true})[1]).toMatchObject({verdict: 'safe', reasons: []});
    expect(judge(sql.replace('; ', '; COMMIT; '))[2]).toMatchObject({verdict: 'safe', reasons: []});
    expect(judge(`BEGIN; ${sql}; COMMIT`, {autocommit: true})[2]).toMatchObject({verdict: 'unsafe'});
  });

  it.each([
    'UPDATE u SET s = 1 WHERE s IS NULL',
    'DELETE FROM u WHERE id IN (SELECT id FROM v)',
    'INSERT INTO copy SELECT * FROM u',
    'WITH x AS (DELETE FROM u RETURNING *) INSERT INTO archive SELECT * FROM x',
    'EXPLAIN ANALYZE SELECT * FROM u',
    'CREATE TABLE n AS SELECT * FROM u',
    'SELECT count(*) FROM u',
    'DO $$BEGIN PERFORM count(*) FROM u; END$$',
    'COPY u FROM stdin',
    'INSERT INTO u SELECT generate_series(1, 1000000000)',
    'ANALYZE u',
    'SELECT pg_sleep(60)',
  ])('does not let a lock be held during %s', sql => {
    const last = judge(`ALTER TABLE t ADD a int; ${sql}`)[1];
    expect([last?.verdict, last?.reasons.length]).toEqual(['unsafe', expect.any(Number)]);
  });

  it('refuses CONCURRENTLY beside other statements of a file', () => {
    const sql = 'CREATE INDEX CONCURRENTLY i ON t (a)';
    expect(judge(sql)[0]).toMatchObject({verdict: 'safe', in_transaction: false});
    expect(judge(`SET lock_timeout = '2s'; ${sql}`)[1]?.reasons).toEqual([
      'cannot run in a transaction: it must be alone in its file, as Prisma Migrate runs a file as one',
    ]);
  });

  it('knows a NOT NULL that a constraint of the migration proves', () => {
    const steps =
      'ALTER TABLE t ADD CONSTRAINT c CHECK (a IS NOT NULL) NOT VALID; ALTER TABLE t VALIDATE CONSTRAINT c;';
    expect(judge(`${steps} ALTER TABLE t ALTER a SET NOT NULL`, {autocommit: true})[2]).toMatchObject({
      scans: false,
    });
    const unproven = steps.replace(/VALIDATE.*/, 'ALTER b DROP DEFAULT;');
    expect(judge(`${unproven} ALTER TABLE t ALTER a SET NOT NULL`, {autocommit: true})[2]).toMatchObject({
      scans: true,
    });
  });

  it('says once that no lock_timeout is set', () => {
    const notes = (sql: string) => judge(sql).flatMap(each => each.notes);
    const alter = 'ALTER TABLE t ALTER a DROP DEFAULT';
    expect(notes(`${alter}; ${alter}`)).toEqual([
      'no lock_timeout: while it waits for its lock, what needs t waits behind it',
    ]);
    expect(notes(`SET lock_timeout = '2s'; ${alter}`)).toEqual([]);
    expect(notes(`SET lock_timeout = 0; ${alter}`)).toHaveLength(1);
  });

  it('shows no secret', () => {
    expect(judge("CREATE ROLE r PASSWORD 'hunter2'")[0]?.sql).not.toContain('hunter2');
  });
});

describe('the safer form', () => {
  const unsafe = [
    'CREATE UNIQUE INDEX i ON t (a)',
    'DROP INDEX i, "J"',
    'REINDEX TABLE t',
    'REFRESH MATERIALIZED VIEW v',
    'ALTER TABLE ONLY "T" ADD FOREIGN KEY (a, b) REFERENCES u (a, b) ON DELETE CASCADE',
    'ALTER TABLE s.t ADD CONSTRAINT c CHECK (a IN (1, 2)), ALTER COLUMN b SET NOT NULL',
    'ALTER TABLE t ADD PRIMARY KEY (a), ADD CONSTRAINT u UNIQUE NULLS NOT DISTINCT (b) INCLUDE (c)',
    "ALTER TABLE t ADD COLUMN a uuid NOT NULL DEFAULT gen_random_uuid(), ADD b varchar(3) DEFAULT 'a,b'",
    'ALTER TABLE t ALTER COLUMN a TYPE bigint USING a::bigint, ADD COLUMN b int',
    'ALTER TABLE t DROP COLUMN a',
    'ALTER TABLE t RENAME COLUMN a TO b',
    'CREATE TABLE p PARTITION OF t FOR VALUES FROM (1) TO (2)',
    'ALTER TABLE t DETACH PARTITION p',
  ];

  it.each(unsafe)('of %s is SQL, and is itself safe', sql => {
    const form = judge(sql)[0]?.safe_form ?? '';
    expect(form).not.toBe('');
    const own = judge(form, {autocommit: true});
    expect(own.map(({verdict, reasons}) => [verdict, reasons])).toEqual(own.map(() => ['safe', []]));
  });

  it('is written out', () => {
    expect(judge('ALTER TABLE t ADD CHECK (a > 0)')[0]?.safe_form).toBe(
      [
        "SET lock_timeout = '2s';",
        'ALTER TABLE t ADD CONSTRAINT "t_check" CHECK (a > 0) NOT VALID;',
        'ALTER TABLE t VALIDATE CONSTRAINT "t_check";',
      ].join('\n'),
    );
  });
});

const relation = (schema: string, name: string, more: Partial<TargetRelation> = {}): TargetRelation => ({
  ...{oid: `${schema}.${name}`, schema, name, kind: 'r', size_bytes: 5_000_000_000, estimated_rows: 1e7},
  ...{parents: [], table_oid: null, reads: [], is_default_partition: false, columns: [], constraints: []},
  ...{triggers: [], rules: []},
  ...more,
});
const target: MigrationTarget = {
  ...{server_version_num: 180_000, search_path: ['public'], foreign_keys: [], functions: []},
  ...{constrained_domains: [], statistics: []},
  relations: [
    relation('public', 't'),
    relation('app', 't'),
    relation('public', 'seen', {kind: 'v', reads: ['public.t']}),
    relation('public', 'above', {kind: 'v', reads: ['public.seen']}),
  ],
};

describe('what uses a table', () => {
  it.each<[sql: string, reads: string[], writes: string[]]>([
    ['SELECT * FROM t', ['public.t', 'app.t'], []],
    ['SELECT * FROM app.t', ['app.t'], []],
    ['SELECT * FROM above', ['public.above', 'public.seen', 'public.t'], []],
    ['COPY app.t FROM stdin', ['app.t'], ['app.t']],
    ['TRUNCATE app.t', ['app.t'], ['app.t']],
    ['COPY app.t TO stdout', ['app.t'], []],
    ['DELETE FROM seen', ['public.seen', 'public.t'], ['public.seen', 'public.t']],
  ])('%s', (sql, reads, writes) => {
    const [statement] = parser.split(sql);
    if (statement === undefined) throw new Error('no statement');
    expect(relationsOf(statement.node, target)).toEqual({reads, writes});
  });

  it.each<[used: string[], verdict: string, queue: number | null]>([
    [[], 'safe', 0],
    [['app.t'], 'safe', 0],
    [['public.t'], 'unsafe', null],
  ])('with the counters of %j moving', (used, verdict, queue_per_second) => {
    const reading = {held: [], snapshots: [], traffic: [], used, window_ms: 3000};
    const sql = "SET lock_timeout = '2s'; ALTER TABLE t ALTER COLUMN a SET NOT NULL";
    expect(judge(sql, {target, reading})[1]).toMatchObject({verdict, queue_per_second});
  });
});

describe('a new column of a type of the application', () => {
  it.each([
    ["CREATE TYPE x AS ENUM ('a');", 'safe'],
    ['CREATE TYPE x AS (a int);', 'safe'],
    ['CREATE DOMAIN x AS text;', 'safe'],
    ['CREATE DOMAIN x AS text CHECK (length(value) > 1);', 'unsafe'],
    ['CREATE DOMAIN y AS int NOT NULL; CREATE DOMAIN x AS y;', 'unsafe'],
    ['CREATE DOMAIN x AS y;', 'unsafe'],
    ['', 'unsafe'],
  ])('after %j is %s without a server', (before, verdict) => {
    const last = judge(`${before} ALTER TABLE t ADD COLUMN a x`).at(-1);
    expect(last?.verdict).toBe(verdict);
  });

  it('says why it is unknown, and offers no form that would be the same', () => {
    const [statement] = judge('ALTER TABLE t ADD COLUMN a "Role"');
    expect(statement?.notes).toContain(
      '"Role" is not made here: a domain with a constraint rewrites the table',
    );
    expect(statement?.safe_form).toBeNull();
  });
});

it.each([
  ['INSERT INTO t VALUES (1)', true],
  ['WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x', true],
  ['SELECT * FROM t', false],
])('%s says what triggers do is not counted: %s', (sql, says) => {
  const [statement] = judge(sql);
  expect(statement?.notes.some(note => note.startsWith('not counted: what triggers'))).toBe(says);
});
