import {writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {afterAll, beforeAll, expect, it} from 'vitest';
import {loadFolder} from '../../source/team-recipes/folder.ts';
import {createActing, createRoles, leak, temporaryFolder} from '../cli/execution/acting.ts';
import {describeMainMajor, shareTestServer, type TestServer} from '../helpers/server.ts';
import {createSnapshot} from '../helpers/snapshot.ts';
import {actingWith} from './acting.ts';

/** One step for each table without a comment. Uses every kind of placeholder. */
const comments = `---
title: Comment on tables
why: These tables have no comment
parameters:
  prefix:
    description: of the tables' names
    default: "odd"
  text:
    description: the comment
---

Every table needs a comment.

\`\`\`sql diagnose
SELECT 'table:' || relname AS subject, relname || ' has no comment' AS summary, 'warning' AS severity,
  relname AS table, oid, coalesce(obj_description(oid), '') AS before,
  CASE WHEN relname LIKE '%kept' THEN 'it is excluded' END AS left_alone
FROM pg_class
WHERE relkind = 'r' AND starts_with(relname, $prefix) AND obj_description(oid) IS NULL
ORDER BY relname
\`\`\`

\`\`\`sql plan lock=share timeout=5s
COMMENT ON TABLE public.:"table" IS :'text'
\`\`\`

\`\`\`sql verify
SELECT obj_description($oid::oid) = $text
\`\`\`

\`\`\`sql undo
COMMENT ON TABLE public.:"table" IS :'before'
\`\`\`
`;

/** One step for all findings, outside a transaction. */
const vacuum = `---
title: Vacuum
why: The table has never been vacuumed
parameters:
  since:
    description: for how long
    type: duration
    default: 1h
---
\`\`\`sql diagnose
SELECT 'table:odd' AS subject, 'never vacuumed' AS summary, 'critical' AS severity, relid::regclass::text AS name
FROM pg_stat_user_tables WHERE relname = 'odd''s' AND coalesce(now() - last_vacuum > $since, true)
\`\`\`
\`\`\`sql plan once undo-unneeded no-transaction lock=share
VACUUM public."odd's"
\`\`\`
\`\`\`sql verify
SELECT pg_stat_get_vacuum_count('public."odd''s"'::regclass) > 0
\`\`\`
`;

const writing = `---
title: t
why: w
---
\`\`\`sql diagnose
SELECT nextval('public.numbers') AS subject, '' AS summary, '' AS severity
\`\`\`
`;

// Written for poolctl 0.1, which called `skipped` left_alone.
const ours = `import {type Recipe, defineRecipe, quoteIdentifier} from 'poolctl';

const recipe: Recipe = defineRecipe({
  id: 'ours',
  title: 'Ours',
  summary: 'What our team does',
  parameters: [],
  diagnose: ({backends}) =>
    backends
      .filter(({application_name}) => application_name === 'ours')
      .map(({pid}) => ({recipe: 'ours', severity: 'warning', subject: \`backend:\${pid}\`, summary: 'it is ours', evidence: {}})),
  plan(snapshot, params) {
    const name = quoteIdentifier('ours"');
    const exists = (value: boolean) => ({
      query: {text: 'SELECT count(*) > 0 AS is_there FROM pg_namespace WHERE nspname = $1', values: ['ours"']},
      expect: {column: 'is_there', op: '=' as const, value},
    });
    return {
      recipe: 'ours', params, explanation: ['a schema'], left_alone: [], batch_size: 1, pause_ms: 0, slots_freed: 0, watch_groups: [],
      steps: [{
        kind: 'sql', title: 'create', subject: 'schema:ours', lock: 'none', transaction: true, timeout_ms: 1000,
        apply: {text: \`CREATE SCHEMA \${name}\`, values: []}, verify: exists(true),
        undo: {apply: {text: \`DROP SCHEMA \${name}\`, values: []}, verify: exists(false)},
      }],
    };
  },
});
export default recipe;
`;

const asking = `import {defineRecipe} from 'poolctl';
const verify = {query: {text: 'SELECT 1 AS one', values: []}, expect: {column: 'one', op: '=', value: 1}};
export default defineRecipe({
  id: 'asking', title: 't', summary: 's',
  parameters: [
    {name: 'name', description: 'd', kind: 'text', default: '', is_required: true},
    {name: 'what', description: 'd', kind: 'text', default: 'x'},
  ],
  diagnose: () => [{recipe: 'asking', severity: 'fatal', subject: 'server', summary: 's', evidence: {}}],
  plan: (_, params) => ({
    recipe: 'asking', params, explanation: [], skipped: [], batch_size: 1, pause_ms: 0, slots_freed: 0, watch_groups: [],
    steps: [{
      kind: 'sql', title: params.what + ' of ' + params.name, subject: 'server', verify, undo: 'unneeded',
      apply: {text: 'COMMENT ON TABLE odd_kept IS NULL', values: []}, lock: 'none', transaction: true, timeout_ms: 1000,
    }],
  }),
});
`;

const broken = `import {defineRecipe} from 'poolctl';
export default defineRecipe({
  id: 'broken', title: 't', summary: 's', parameters: [],
  diagnose: () => { throw new TypeError('no such thing'); },
  plan: () => { throw new TypeError('no such plan'); },
});
`;

describeMainMajor("a team's own recipes", major => {
  let server: TestServer;
  let folder: string;
  beforeAll(async () => {
    server = await shareTestServer({major});
    await createRoles(server);
    await server.query('CREATE TABLE "odd\'s" (id int)');
    await server.query('CREATE TABLE "odd "";--" (id int)');
    await server.query('CREATE TABLE odd_kept (id int)');
    await server.query('CREATE SEQUENCE numbers');
  });
  afterAll(() => server?.stop());

  const files = {
    'comments.md': comments,
    'vacuum.md': vacuum,
    'writing.md': writing,
    'ours.ts': ours,
    'asking.ts': asking,
    'broken.ts': broken,
  };
  async function createTeam(user?: string) {
    folder = await temporaryFolder();
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
    return actingWith(await createActing(server, user === undefined ? {} : {user}), folder);
  }
  const commentsNow = async () =>
    (
      await server.query<{text: string | null}>(
        "SELECT obj_description(oid) AS text FROM pg_class WHERE relname LIKE 'odd%' ORDER BY relname",
      )
    ).map(({text}) => text);

  it('execute a step for each finding, whatever its subject is called, and undo it', async () => {
    const team = await createTeam();
    const text = "it's \\ fine";
    expect(await team.run('comments', {set: [`text=${text}`], yes: true})).toBe(0);
    const document = team.document();
    expect(document.steps.map(({outcome, subject, lock}) => [outcome, subject, lock])).toEqual([
      ['verified', 'table:odd ";--', 'share'],
      ['verified', "table:odd's", 'share'],
    ]);
    expect(document.params).toEqual({prefix: 'odd', text, subject: ''});
    expect(document.skipped).toMatchObject([{subject: 'table:odd_kept', reason: 'it is excluded'}]);
    expect(await commentsNow()).toEqual([text, text, null]);
    expect(await team.undo('r1')).toBe(0);
    expect(await commentsNow()).toEqual([null, null, null]);
  });

  it('skip an undo step whose object was changed since', async () => {
    const team = await createTeam();
    expect(await team.run('comments', {set: ['text=ours', "subject=table:odd's"], yes: true})).toBe(0);
    await server.query("COMMENT ON TABLE \"odd's\" IS 'theirs'");
    expect(await team.undo('r1')).toBe(6);
    expect(await commentsNow()).toEqual([null, 'theirs', null]);
    await server.query('COMMENT ON TABLE "odd\'s" IS NULL');
  });

  it('are guarded by their own diagnosis', async () => {
    const team = await createTeam();
    const flags = {json: false, set: ['text=x', "subject=table:odd's"]};
    const code = await team.runAsked('comments', flags, async () => {
      await server.query("COMMENT ON TABLE \"odd's\" IS 'theirs'");
    });
    expect(code).toBe(6);
    expect((await commentsNow())[1]).toBe('theirs');
    await server.query('COMMENT ON TABLE "odd\'s" IS NULL');
  });

  it('make the same plan for the same findings', async () => {
    const team = await createTeam();
    const flags = {set: ['text=x']};
    expect(await team.run('comments', {...flags, dryRun: true})).toBe(0);
    const {plan} = team.document();
    expect(await team.run('comments', {...flags, approve: String(plan)})).toBe(0);
    expect(await team.undo('r2')).toBe(0);
  });

  it('report which required parameter is not set', async () => {
    const team = await createTeam();
    expect(await team.run('comments', {yes: true})).toBe(2);
    expect(await team.run('comments', {set: ['text=x', 'nonsense=1'], yes: true})).toBe(2);
    expect(await team.run('vacuum', {set: ['since=soon'], yes: true})).toBe(2);
  });

  it('execute one step for all findings, outside a transaction', async () => {
    const team = await createTeam();
    expect(await team.findings('vacuum')).toEqual([
      {
        recipe: 'vacuum',
        severity: 'critical',
        subject: 'table:odd',
        summary: 'never vacuumed',
        evidence: {name: `public."odd's"`},
      },
    ]);
    expect(await team.run('vacuum', {yes: true})).toBe(0);
    expect(team.document().steps).toMatchObject([
      {outcome: 'verified', subject: 'recipe:vacuum', undo: 'unneeded'},
    ]);
    expect(await team.run('vacuum', {yes: true})).toBe(0);
    expect(team.document()).toMatchObject({run: null, steps: []});
  });

  it('change nothing while diagnosing', async () => {
    const team = await createTeam();
    await expect(team.findings('writing')).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringMatching(
        /^the diagnosis of writing was not run: it reaches pg_catalog.nextval\(regclass\)/,
      ),
    });
    expect(await server.query('SELECT is_called FROM numbers')).toEqual([{is_called: false}]);
  });

  it('exit 5 if the role lacks the privilege', async () => {
    const team = await createTeam('oncall');
    expect(await team.run('comments', {set: ['text=x'], yes: true})).toBe(5);
    expect(await commentsNow()).toEqual([null, null, null]);
  });

  it('may be written in TypeScript', async () => {
    const team = await createTeam();
    const client = await leak(server, 'ours');
    expect(await team.findings('ours')).toMatchObject([{subject: `backend:${client.processID}`}]);
    expect(await team.run('ours', {yes: true})).toBe(0);
    expect(team.document().steps).toMatchObject([{outcome: 'verified', sql: 'CREATE SCHEMA "ours"""'}]);
    expect(await team.undo('r1')).toBe(0);
    await client.end();
  });

  it('get checked and complete parameters, as Markdown recipes do', async () => {
    const team = await createTeam();
    expect(await team.run('asking', {set: ['nmae=x'], yes: true})).toBe(2);
    expect(await team.run('asking', {yes: true})).toBe(2);
    // Steps run without a search path: a name without its schema is not found, and the hint says why.
    expect(await team.run('asking', {set: ['name=ours'], yes: true})).toBe(7);
    expect(team.document().steps).toMatchObject([
      {sqlstate: '42P01', title: 'x of ours', hint: expect.stringContaining('search_path')},
    ]);
  });

  it.each([
    ['no verify', (step: string) => step.replace('verify,', ''), 'step 1: verify needs query and expect'],
    [
      'no undo',
      (step: string) => step.replace("undo: 'unneeded'", 'undo: undefined'),
      'step 1: undo needs apply and verify',
    ],
    [
      'no such lock',
      (step: string) => step.replace("'none'", "'much'"),
      'step 1: lock must be none, share or',
    ],
    ['no steps', (step: string) => step.replace('steps: [', 'stesp: ['), 'steps must be a list'],
  ])('are refused if their plan has %s', async (_, change, message) => {
    const own = await temporaryFolder();
    await writeFile(join(own, 'asking.ts'), change(asking));
    const [loaded] = await loadFolder(own, []);
    const recipe = loaded?.recipe;
    const plan = () => recipe?.plan?.(createSnapshot(), {name: 'a'}, {});
    expect(plan).toThrow(`the plan of asking failed: ${message}`);
  });

  it('are reported with their own mistakes', async () => {
    const team = await createTeam();
    expect(await team.findings('asking')).toMatchObject([
      {summary: 'the diagnosis of asking failed: severity must be warning or critical'},
    ]);
    expect(await team.findings('broken')).toMatchObject([
      {severity: 'warning', summary: 'the diagnosis of broken failed: no such thing'},
    ]);
    expect(await team.run('broken', {yes: true})).toBe(2);
  });
});
