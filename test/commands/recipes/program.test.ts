import {mkdir, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {createCliRoles, failing, leak, runProgram, temporaryHome, urlOf} from '../../cli/run-program.ts';
import {shareTestServer, type TestServer} from '../../helpers/server.ts';

const runbook = `---
title: Say what a role is for
why: Nobody knows this role
---

Ask around first.

\`\`\`sql diagnose
SELECT 'role:' || rolname AS subject, rolname || ' has no comment' AS summary, 'warning' AS severity, rolname AS role
FROM pg_roles WHERE rolname = 'blind' AND shobj_description(oid, 'pg_authid') IS NULL
\`\`\`

\`\`\`sql plan lock=none
COMMENT ON ROLE :"role" IS 'sees little'
\`\`\`

\`\`\`sql verify
SELECT shobj_description(oid, 'pg_authid') IS NOT NULL FROM pg_roles WHERE rolname = $role
\`\`\`

\`\`\`sql undo
COMMENT ON ROLE :"role" IS NULL
\`\`\`
`;
const broken = runbook.replace('sql plan lock=none', 'sql paln');
const own = `import {defineRecipe} from 'poolctl';
export default defineRecipe({id: 'own', title: 'Our own', summary: 'Ours', parameters: [], diagnose: () => []});
`;

/** A home with a folder of recipes and this configuration. */
async function homeWith(files: Record<string, string>, config?: string): Promise<string> {
  const home = await temporaryHome();
  await mkdir(join(home, 'team'));
  for (const [name, text] of Object.entries(files)) await writeFile(join(home, 'team', name), text);
  await mkdir(join(home, '.config/poolctl'), {recursive: true});
  if (config !== undefined) await writeFile(join(home, '.config/poolctl/config.toml'), config);
  return home;
}

const parameter = 'parameters:\n  than:\n    description: from how many\n    type: integer\n    default: 3\n';
const asking = runbook
  .replace('Nobody knows this role\n', text => text + parameter)
  .replace("'blind'", text => `${text} AND $than > 0`);

describe("help of a team's recipe", () => {
  it.each<[string, string[], string | undefined]>([
    ['a folder of the call', ['--recipes', 'team'], undefined],
    ['the profile', [], 'recipes = ["HOME/team"]\n'],
    [
      'the profile of a target',
      ['--target', 'shop'],
      '[targets.shop]\nurl = "postgres://db/shop"\nrecipes = ["HOME/team"]\n',
    ],
  ])('has its parameters, from %s', async (_, flags, config) => {
    const home = await homeWith({'name-role.md': asking});
    const file = join(home, '.config/poolctl/config.toml');
    if (config !== undefined) await writeFile(file, config.replace('HOME', home));
    const {code, stdout, stderr} = await runProgram(['run', 'name-role', '--help', ...flags], {home});
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain('Usage: poolctl run name-role [url]');
    expect(stdout).toMatch(/^ +than +from how many \[3\]$/m);
    const all = await runProgram(['help', 'run', ...flags], {home});
    expect(all.stdout).toMatch(/^ {2}name-role +Say what a role is for$/m);
  });

  it('says why a recipe is skipped', async () => {
    const home = await homeWith({'name-role.md': broken});
    const {stderr} = await runProgram(['run', 'name-role', '--help', '--recipes', 'team'], {home});
    expect(stderr).toContain('skipped team/name-role.md:13');
  });
});

describe('poolctl recipes', () => {
  it('--check lists mistakes by file and line, and exits 2', async () => {
    const home = await homeWith({'name-role.md': broken, 'own.ts': `${own}const a: number = ;\n`});
    const {code, stdout} = await runProgram(['recipes', '--check', 'team'], {home});
    expect(code).toBe(2);
    expect(stdout.trimEnd().split('\n')).toEqual([
      'team/name-role.md:13: unknown block "sql paln": did you mean "plan"?',
      'team/name-role.md:17: verify without a plan',
      'team/name-role.md:21: undo without a plan',
      expect.stringMatching(/^team\/own\.ts:3: cannot be loaded: Unexpected token/),
    ]);
    const {stdout: json} = await runProgram(['recipes', '--check', 'team', '--json'], {home});
    expect(JSON.parse(json)).toMatchObject({
      schema_version: 1,
      directory: 'team',
      files: 2,
      problems: [{file: 'team/name-role.md', line: 13}, {line: 17}, {line: 21}, {line: 3}],
    });
  });

  it('--check exits 0 without mistakes', async () => {
    const home = await homeWith({'name-role.md': runbook, 'own.ts': own});
    expect(await runProgram(['recipes', '--check', 'team'], {home})).toMatchObject({
      code: 0,
      stdout: '2 recipes, no errors\n',
    });
    expect(await failing(['recipes', '--check', 'nowhere'], {home})).toEqual([
      2,
      expect.stringContaining('cannot read the recipe folder nowhere'),
    ]);
  });

  it("lists a team's recipes, from --recipes and from config.toml", async () => {
    const home = await homeWith({'name-role.md': runbook, 'own.ts': own}, 'recipes = ["../../team"]');
    const idsOf = async (args: string[]) => {
      const {stdout, stderr} = await runProgram(['recipes', '--json', ...args], {home});
      expect(stderr).toBe('');
      return JSON.parse(stdout)
        .recipes.slice(-2)
        .map(({id, acts}: {id: string; acts: boolean}) => [id, acts]);
    };
    const both = [
      ['name-role', true],
      ['own', false],
    ];
    expect(await idsOf([])).toEqual(both);
    const elsewhere = await homeWith({'name-role.md': runbook, 'own.ts': own});
    expect(
      JSON.parse(
        (await runProgram(['recipes', '--json', '--recipes', 'team'], {home: elsewhere})).stdout,
      ).recipes.slice(-2),
    ).toMatchObject([{id: 'name-role'}, {id: 'own'}]);
  });
});

describe("poolctl with a team's recipes and configuration", () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await shareTestServer({major: 18});
    await createCliRoles(server);
  });
  afterAll(() => server?.stop());

  it('runs a team recipe and undoes it', async () => {
    const home = await homeWith({'name-role.md': runbook, 'broken.md': broken});
    const call = [server.url(), '--recipes', 'team', '--yes'];
    const {code, stdout, stderr} = await runProgram(['run', 'name-role', ...call, '--json'], {home});
    expect(code).toBe(0);
    expect(stderr).toContain('skipped team/broken.md:13: unknown block "sql paln"');
    const {run, steps} = JSON.parse(stdout);
    expect(steps).toMatchObject([{outcome: 'verified', subject: 'role:blind'}]);
    // From the journal alone: the recipe's file may not exist any more.
    expect(await runProgram(['undo', run, server.url(), '--yes'], {home})).toMatchObject({code: 0});
    expect(
      await server.query(
        "SELECT shobj_description(oid, 'pg_authid') AS text FROM pg_roles WHERE rolname = 'blind'",
      ),
    ).toEqual([{text: null}]);
  });

  it("shows the recipe's prose in the preview", async () => {
    const home = await homeWith({'name-role.md': runbook});
    const {stdout} = await runProgram(['run', 'name-role', server.url(), '--recipes', 'team', '--dry-run'], {
      home,
    });
    expect(stdout).toContain(
      'Nobody knows this role\n  - role:blind: blind has no comment\n  Ask around first.\n',
    );
    expect(stdout).toContain('COMMENT ON ROLE "blind" IS \'sees little\'');
  });

  it("includes the recipe's findings and the configured limits in check", async () => {
    const config = `recipes = ["../../team"]\n[targets.t]\nurl = "${urlOf(server, 'oncall')}"\nthresholds.max_used = "0%"\n`;
    const home = await homeWith({'name-role.md': runbook}, config);
    const {code, stdout} = await runProgram(['check', '--target', 't', '--json'], {home});
    expect(code).toBe(1);
    const document = JSON.parse(stdout);
    expect(document.findings).toMatchObject([{recipe: 'name-role', subject: 'role:blind'}]);
    expect(document.thresholds.used_ratio).toMatchObject({max: 0, is_crossed: true});
    const {stdout: over} = await runProgram(['check', '--target', 't', '--max-used', '99%', '--json'], {
      home,
    });
    expect(JSON.parse(over).thresholds.used_ratio).toMatchObject({max: 0.99, is_crossed: false});
  });

  it('skips the sessions that the configuration protects', async () => {
    const config = `[targets.t]\nurl = "${urlOf(server, 'oncall')}"\nprotected.applications = ["billing"]\n`;
    const home = await homeWith({}, config);
    const client = await leak(server, {application_name: 'billing'});
    const call = [
      'run',
      'kill-idle-sessions',
      urlOf(server, 'oncall'),
      '--set',
      'older_than=0s',
      '--dry-run',
      '--json',
    ];
    const {stdout} = await runProgram(call, {home});
    expect(JSON.parse(stdout).skipped).toMatchObject([
      {
        subject: `backend:${client.processID}`,
        reason: 'application billing is protected by the configuration',
      },
    ]);
    await client.end();
  });

  it('reports mistakes in the configuration with every command', async () => {
    const home = await homeWith(
      {},
      `[targets.t]\nurl = "${urlOf(server, 'oncall')}"\nenvironmant = "production"\n`,
    );
    for (const call of [['snapshot', server.url()], ['check', '--target', 't'], ['recipes']]) {
      expect(await failing(call, {home})).toEqual([
        2,
        expect.stringContaining('config.toml:3: unknown key "environmant": did you mean "environment"?'),
      ]);
    }
  });
});
