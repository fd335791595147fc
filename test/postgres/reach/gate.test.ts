import {afterAll, beforeAll, expect, it, onTestFinished} from 'vitest';
import type {Connection} from '../../../source/postgres/connect/connect.ts';
import {explainStatement} from '../../../source/postgres/planner/explain.ts';
import {planHypothetically} from '../../../source/postgres/planner/index-planner.ts';
import {loadSqlParser} from '../../../source/postgres/reach/parse-sql.ts';
import {describeEachMajor, shareTestServer, type TestServer} from '../../helpers/server.ts';
import {rejection} from '../requests.ts';
import {until, watch} from '../watching.ts';

const parser = await loadSqlParser();

/**
 * What a role without privileges can create so that planning a statement runs its code: an immutable function that
 * calls a volatile one. Even in a read-only transaction it can take a session-level advisory lock, which a rollback
 * does not release: the tests look for that lock.
 */
const hostile = `
CREATE SCHEMA mallory AUTHORIZATION mallory;
GRANT CREATE ON SCHEMA public TO mallory;
SET ROLE mallory;
CREATE FUNCTION public.act() RETURNS int LANGUAGE plpgsql VOLATILE AS $$ BEGIN
  PERFORM pg_catalog.pg_advisory_lock_shared(666); RETURN 1; END $$;
CREATE FUNCTION public.evil(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM public.act(); RETURN $1; END $$;
CREATE FUNCTION public.evil_text(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM public.act(); RETURN $1; END $$;
CREATE FUNCTION public.evil_is(int, int) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM public.act(); RETURN true; END $$;
CREATE FUNCTION public.evil_stable() RETURNS int LANGUAGE plpgsql STABLE AS $$ BEGIN PERFORM public.act(); RETURN 1; END $$;
CREATE FUNCTION public.inlined() RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT public.evil(1)';
CREATE FUNCTION public.evil_row(public.plain) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT public.evil(1)';
CREATE OPERATOR public.=== (LEFTARG = int, RIGHTARG = int, FUNCTION = public.evil_is);
CREATE FUNCTION mallory.mixed(int, text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM public.act(); RETURN true; END $$;
CREATE OPERATOR mallory.= (LEFTARG = int, RIGHTARG = text, FUNCTION = mallory.mixed);
CREATE FUNCTION public.lower(int) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT public.evil(1)::text';
CREATE FUNCTION mallory.hidden(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT public.evil($1)';
CREATE DOMAIN public.odd AS int CHECK (public.evil(VALUE) > 0);
CREATE TYPE public.holder AS (a public.odd);
CREATE TYPE public.colour AS ENUM ('red', 'green');
CREATE FUNCTION public.colour_number(public.colour) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM public.act(); RETURN 1; END $$;
CREATE CAST (public.colour AS int) WITH FUNCTION public.colour_number(public.colour) AS IMPLICIT;
CREATE FUNCTION public.distance(float8, float8) RETURNS float8 LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM public.act(); RETURN 1; END $$;
CREATE TYPE public.spread AS RANGE (SUBTYPE = float8, SUBTYPE_DIFF = public.distance);
CREATE TABLE public.tinted (id int, tint public.colour);
CREATE TABLE public.ranged (id int, span public.spread);
CREATE TABLE public.defaulted (id int, n int DEFAULT public.evil(1));
CREATE TABLE public.checked (id int, CHECK (id > public.evil(1)));
CREATE TABLE public.generated (id int, n int GENERATED ALWAYS AS (id + public.evil(1)) STORED);
CREATE TABLE public.indexed (id int); CREATE INDEX ON public.indexed ((id + public.evil(1)));
CREATE TABLE public.partial (id int); CREATE INDEX ON public.partial (id) WHERE id > public.evil(1);
CREATE TABLE public.counted (id int); CREATE STATISTICS public.counting ON (id + public.evil(1)), id FROM public.counted;
CREATE TABLE public.guarded (id int); CREATE POLICY p ON public.guarded USING (id > public.evil(1));
ALTER TABLE public.guarded ENABLE ROW LEVEL SECURITY; ALTER TABLE public.guarded FORCE ROW LEVEL SECURITY;
CREATE TABLE public.keyed (id int) PARTITION BY RANGE ((id + public.evil(1)));
CREATE TABLE public.parent (id int); CREATE TABLE public.child (CHECK (id > public.evil(1))) INHERITS (public.parent);
CREATE TABLE public.ruled (id int); CREATE RULE r AS ON UPDATE TO public.ruled DO ALSO SELECT public.evil(1);
CREATE TABLE public.emptied (id int); CREATE RULE r AS ON DELETE TO public.emptied DO ALSO INSERT INTO public.defaulted (id) VALUES (1);
CREATE VIEW public.viewed AS SELECT public.evil(1) AS n;
CREATE VIEW public.viewed_twice AS SELECT * FROM public.viewed;
CREATE VIEW public.viewed_guard AS SELECT * FROM public.guarded;
CREATE VIEW public.viewed_xml AS SELECT id FROM public.plain WHERE pg_catalog.table_to_xml('public.viewed'::regclass, true, true, '')::text = 'x';
CREATE TABLE public.composed (id int, h public.holder);
RESET ROLE`;

/** The objects of an application, including functions that the plans do not reach. */
const ordinary = `
CREATE TABLE public.plain (id int PRIMARY KEY, name text, at timestamptz DEFAULT now(), tags text[], data jsonb, CHECK (id > 0));
CREATE TYPE public.status AS ENUM ('open', 'done');
CREATE DOMAIN public.positive AS int CHECK (VALUE > 0);
CREATE TABLE public.tasks (id serial PRIMARY KEY, status public.status, n public.positive, plain_id int REFERENCES public.plain);
CREATE INDEX ON public.plain (lower(name)) WHERE at IS NOT NULL;
CREATE VIEW public.open_tasks AS SELECT t.id, p.name FROM public.tasks t JOIN public.plain p ON p.id = t.plain_id WHERE t.status = 'open';
CREATE FUNCTION public.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.at = now(); RETURN NEW; END';
CREATE TRIGGER touching BEFORE UPDATE ON public.plain FOR EACH ROW EXECUTE FUNCTION public.touch();
CREATE FUNCTION public.unused(int) RETURNS int LANGUAGE sql AS 'SELECT $1';
CREATE TABLE public.logs (id int, at date) PARTITION BY RANGE (at);
CREATE TABLE public.logs_1 PARTITION OF public.logs FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')`;

describeEachMajor('the gate before planning', major => {
  let server: TestServer;
  let connection: Connection;
  beforeAll(async () => {
    server = await shareTestServer({major});
    for (const statement of ordinary.split(';\n')) await server.query(statement);
    await server.query('CREATE ROLE mallory');
    // Creating some objects already runs the code; the locks end with this session.
    const client = await server.connect();
    // Statistics on expressions came with 14.
    await client.query(major >= 14 ? hostile : hostile.replace(/ CREATE STATISTICS [^;]*;/, ''));
    await client.end();
    await until(async () => (await locksTaken()) === 0);
    connection = await watch(server.url());
  });
  afterAll(async () => {
    await connection?.close();
    await server?.stop();
  });

  const explain = (query: string, schema: string | null = null) =>
    explainStatement(connection.rawClient, {
      query,
      schema,
      database: 'postgres',
      connected_database: 'postgres',
      server_version_num: server.version,
    });
  const plan = (query: string) =>
    planHypothetically(connection.rawClient, parser, {
      query,
      definitions: [],
      hypopg_schema: null,
      search_path: [],
    });
  const locksTaken = async () =>
    (await server.query("SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = 666")).length;

  it.each([
    ['a function', 'SELECT * FROM plain WHERE id = evil(1)'],
    ['a stable function', 'SELECT * FROM plain WHERE id = evil_stable()'],
    ['an operator', 'SELECT 1 === 2'],
    ['a literal', `SELECT '(1)'::holder`],
    ['a cast', `SELECT 'red'::colour::int`],
    ['an index expression', 'SELECT id FROM indexed WHERE id = 1'],
    ['a view', 'SELECT * FROM viewed'],
  ])('is needed: without it, planning %s runs its function', async (_, query) => {
    const client = await server.connect();
    await client.query('BEGIN READ ONLY');
    await client.query(`EXPLAIN ${query}`);
    expect(await locksTaken()).toBe(1);
    await client.end();
    await expect.poll(locksTaken).toBe(0);
  });

  it.each([
    ['a function', 'SELECT * FROM plain WHERE id = evil(1)', 'public.evil(integer)'],
    ['a function in a schema', 'SELECT mallory.hidden(1)', 'mallory.hidden(integer)'],
    ['a stable function', 'SELECT * FROM plain WHERE id = evil_stable()', 'public.evil_stable()'],
    ['one that is inlined', 'SELECT inlined()', 'public.inlined()'],
    ['an overload of a server function', 'SELECT lower(1)', 'public.lower(integer)'],
    ['a function in FROM', 'SELECT * FROM evil(1)', 'public.evil(integer)'],
    ['a function as a column of a row', 'SELECT plain.evil_row FROM plain', 'public.evil_row(public.plain)'],
    ['the same of a composite', 'SELECT (p).evil_row FROM plain p', 'public.evil_row(public.plain)'],
    [
      'a function in a CTE',
      'WITH w AS MATERIALIZED (SELECT evil(1)) SELECT * FROM w',
      'public.evil(integer)',
    ],
    ['an operator', 'SELECT 1 === 2', 'public.evil_is(integer, integer)'],
    ['a qualified operator', 'SELECT 1 OPERATOR(public.===) 2', 'public.evil_is(integer, integer)'],
    ['a domain', 'SELECT 1::odd', 'public.evil(integer)'],
    ['a domain in a literal', `SELECT '(1)'::holder`, 'public.evil(integer)'],
    ['an array of it', `SELECT '{1}'::odd[]`, 'public.evil(integer)'],
    ['a domain in a column', 'SELECT h FROM composed', 'public.evil(integer)'],
    ['a cast', `SELECT 'red'::colour::int`, 'public.colour_number(public.colour)'],
    ['a cast called as a function', `SELECT int4('red'::colour)`, 'public.colour_number(public.colour)'],
    ['an implicit cast', 'SELECT * FROM tinted WHERE tint + 1 = 2', 'public.colour_number(public.colour)'],
    ['a cast to json', `SELECT colour('red') + 1`, 'public.colour_number(public.colour)'],
    ['a range', `SELECT '[1,2]'::spread`, 'public.distance(double precision, double precision)'],
    ['a range in a column', 'SELECT * FROM ranged', 'public.distance(double precision, double precision)'],
    ['a default', 'INSERT INTO defaulted (id) VALUES ($1)', 'public.evil(integer)'],
    ['a CHECK', 'SELECT * FROM checked WHERE id = $1', 'public.evil(integer)'],
    ['a generated column', 'SELECT id FROM generated', 'public.evil(integer)'],
    ['an index expression', 'SELECT id FROM indexed', 'public.evil(integer)'],
    ['an index predicate', 'SELECT id FROM partial WHERE id = $1', 'public.evil(integer)'],
    ['a partition key', 'SELECT id FROM keyed', 'public.evil(integer)'],
    ['a child', 'SELECT id FROM parent', 'public.evil(integer)'],
    ['a rule', 'UPDATE ruled SET id = $1', 'public.evil(integer)'],
    ['a default behind a rule', 'DELETE FROM emptied WHERE id = $1', 'public.evil(integer)'],
    ['a view', 'SELECT * FROM viewed', 'public.evil(integer)'],
    ['a view of a view', 'SELECT * FROM viewed_twice', 'public.evil(integer)'],
    ['a policy behind a view', 'SELECT * FROM viewed_guard', 'public.evil(integer)'],
    [
      'a function that runs SQL',
      `SELECT * FROM plain WHERE table_to_xml('viewed', true, true, '')::text = name`,
      'table_to_xml',
    ],
    ['the same behind a view', 'SELECT * FROM viewed_xml', 'table_to_xml'],
    [
      'a function that reads a type',
      `SELECT * FROM plain WHERE domain_in('1'::cstring, 'odd'::regtype, -1) IS NULL`,
      'domain_in',
    ],
  ])('refuses a statement that reaches %s of another role', async (_, query, name) => {
    for (const planning of [explain, plan]) {
      const error = await rejection(planning(query));
      expect(error).toMatchObject({message: expect.stringMatching(/^not planned: /), exitCode: 2});
      expect(String((error as Error).message)).toContain(name);
    }
    expect(await locksTaken()).toBe(0);
  });

  it.each([
    ['=', `SELECT id = ''::text FROM plain`],
    ['IN', `SELECT 1 IN (''::text)`],
    ['CASE', `SELECT CASE 1 WHEN ''::text THEN 1 END`],
    ['USING', 'SELECT * FROM plain JOIN (SELECT 1::text AS id) x USING (id)'],
    ['a comparison of rows', `SELECT (1, 2) = (''::text, 2)`],
    ['a subquery', `SELECT 1 = ANY (SELECT ''::text)`],
  ])('refuses a statement that reaches an operator of another role through %s', async (_, query) => {
    expect(await rejection(explain(query, 'mallory'))).toMatchObject({
      message: 'not planned: it reaches mallory.mixed(integer, text), a function outside pg_catalog',
    });
    expect(await locksTaken()).toBe(0);
  });

  it.runIf(major < 16).each([
    ['json_scalar(text)', `SELECT json_scalar('x')`],
    ['json_serialize(text)', `SELECT json_serialize('x')`],
    ['json_value(text,text)', `SELECT json_value('a', 'b')`],
    ['json_query(text,text)', `SELECT json_query('a', 'b')`],
    ['json_exists(text,text)', `SELECT json_exists('a', 'b')`],
    ['json_object(int,int)', 'SELECT json_object(1, 2)'],
    ['json_object()', 'SELECT json_object()'],
    ['json_array(int)', 'SELECT json_array(1)'],
    ['json_array()', 'SELECT json_array()'],
    ['merge_action()', 'SELECT merge_action()'],
  ])("refuses another role's function that a newer parser reads as syntax: %s", async (called, query) => {
    await server.query(
      `CREATE FUNCTION public.${called} RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT public.evil(1)'`,
    );
    onTestFinished(() => server.query(`DROP FUNCTION public.${called}`).then(() => {}));
    const client = await server.connect();
    await client.query(`EXPLAIN ${query}`);
    expect(await locksTaken()).toBe(1);
    await client.end();
    await expect.poll(locksTaken).toBe(0);
    for (const planning of [explain, plan]) {
      expect(await rejection(planning(query))).toMatchObject({
        message: expect.stringMatching(/^not planned: it reaches public\.(json|merge)_/),
      });
    }
    expect(await locksTaken()).toBe(0);
  });

  it('refuses a statement if a function was added while PREPARE waited for the table', async () => {
    const client = await server.connect();
    onTestFinished(() => client.end());
    await client.query('CREATE TABLE raced (id int)');
    await client.query('BEGIN');
    await client.query('LOCK TABLE raced IN ACCESS EXCLUSIVE MODE');
    const planning = rejection(explain('SELECT id FROM raced WHERE id = $1'));
    let isOver = false;
    void planning.then(() => {
      isOver = true;
    });
    const waiting = "SELECT FROM pg_locks WHERE relation = 'raced'::regclass AND NOT granted";
    await until(async () => isOver || (await server.query(waiting)).length === 1);
    await client.query('ALTER TABLE raced ADD CHECK (id > evil(1)) NOT VALID');
    await client.query('CREATE INDEX ON raced ((id + evil(1)))');
    await client.query('COMMIT');
    await client.query('SELECT pg_advisory_unlock_all()');
    // If this took longer than lock_timeout, the timeout prevented the plan.
    expect(await planning).toMatchObject({message: expect.stringMatching(/^not planned: |lock timeout/)});
    expect(await locksTaken()).toBe(0);
  });

  it.runIf(major >= 14)(
    "refuses a statement on a table whose extended statistics call another role's function",
    async () => {
      expect(await rejection(explain('SELECT id FROM counted'))).toMatchObject({
        message: 'not planned: it reaches public.evil(integer), a function outside pg_catalog',
      });
    },
  );

  it('refuses a statement under a row security policy, but not for a superuser, who bypasses it', async () => {
    await server.query("CREATE ROLE oncall LOGIN PASSWORD 'secret'");
    await server.query('GRANT SELECT ON guarded TO oncall');
    expect((await explain('SELECT * FROM guarded')).lines[0]).toContain('Seq Scan on guarded');
    const own = await watch(server.url({user: 'oncall', password: 'secret'}));
    onTestFinished(() => own.close());
    const planning = planHypothetically(own.rawClient, parser, {
      query: 'SELECT * FROM guarded',
      definitions: [],
      hypopg_schema: null,
      search_path: [],
    });
    expect(await rejection(planning)).toMatchObject({message: expect.stringContaining('public.evil(')});
    expect(await locksTaken()).toBe(0);
  });

  it('allows compiled functions of extensions', async () => {
    const own = await shareTestServer({major});
    onTestFinished(() => own.stop());
    await own.query('CREATE EXTENSION citext; CREATE EXTENSION pg_trgm; CREATE EXTENSION hstore');
    await own.query('CREATE TABLE people (email citext, name text, facts hstore)');
    await own.query('CREATE INDEX ON people USING gin (name gin_trgm_ops)');
    await own.query('CREATE INDEX ON people (lower(email))');
    const session = await watch(own.url());
    onTestFinished(() => session.close());
    for (const query of [
      'SELECT * FROM people WHERE email = $1 AND email LIKE $2',
      'SELECT similarity(name, $1) FROM people WHERE name % $2 ORDER BY name <-> $3',
      `SELECT facts -> 'a' FROM people WHERE facts @> hstore($1, $2)`,
      'INSERT INTO people VALUES ($1, $2, $3)',
    ]) {
      const {lines} = await explainStatement(session.rawClient, {
        query,
        database: 'postgres',
        connected_database: 'postgres',
        server_version_num: own.version,
      });
      expect(lines.length).toBeGreaterThan(0);
    }
  });

  it.each([
    ['SELECT * FROM plain WHERE id = $1 AND name LIKE $2 ORDER BY at DESC LIMIT $3'],
    [
      'SELECT "public"."tasks"."id", "public"."tasks"."status"::text FROM "public"."tasks" WHERE ("public"."tasks"."status" = CAST($1::text AS "public"."status") AND "public"."tasks"."id" IN ($2,$3)) OFFSET $4',
    ],
    ['SELECT COUNT(*) AS "_count$_all" FROM (SELECT t.id FROM public.tasks t WHERE t.n > $1) AS sub'],
    ['INSERT INTO plain (id, name, tags, data) VALUES ($1, $2, $3, $4) RETURNING id, plain.name'],
    ['UPDATE tasks SET status = $1 WHERE id = (SELECT max(id) FROM plain) RETURNING *'],
    ['INSERT INTO tasks (status, n) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET n = excluded.n'],
    ['DELETE FROM tasks USING plain p WHERE p.id = tasks.plain_id'],
    ['SELECT * FROM open_tasks WHERE name = $1'],
    [`SELECT date_trunc('day', at), count(*) FROM logs WHERE at > now() - interval '1 day' GROUP BY 1`],
    [
      `SELECT data->>'a', tags[1], (ARRAY[1,2])[1] FROM plain WHERE data @> '{"a": 1}' AND id BETWEEN 1 AND 5`,
    ],
    [
      'SELECT p.*, row_number() OVER (PARTITION BY p.name ORDER BY p.id) FROM plain p JOIN tasks t USING (id)',
    ],
    ['SELECT count(*) FROM pg_stat_activity a JOIN information_schema.tables t ON true WHERE a.state = $1'],
    ['SELECT nextval($1::regclass), pg_advisory_xact_lock(1)'],
    ['VALUES (1, $1), (2, 3)'],
  ])('allows what applications use: %s', async query => {
    expect((await explain(query)).lines.length).toBeGreaterThan(0);
    expect((await plan(query)).plan.cost).toBeGreaterThanOrEqual(0);
  });
});
