import {afterAll, beforeAll, expect, it} from 'vitest';
import {loadRecipeData} from '../../../source/cli/recipe-data.ts';
import {checkOnce} from '../../../source/commands/check/command.ts';
import type {Recipe} from '../../../source/model/recipe.ts';
import {type Connection, connect} from '../../../source/postgres/connect/connect.ts';
import {readOnce} from '../../../source/postgres/sampler/sampler.ts';
import {output} from '../../cli/execution/acting.ts';
import {createFinding, createRecipe} from '../../console/played.ts';
import {describeMainMajor, shareTestServer, type TestServer} from '../../helpers/server.ts';
import {requestTo} from '../../postgres/requests.ts';

/** Has a finding if its query was read. */
function asking(id: string, text: string): Recipe {
  return createRecipe({
    id,
    diagnoseRequires: {answers: {[id]: {text, values: []}}},
    diagnose: (_, {answers}) =>
      answers?.[id]
        ? [createFinding({recipe: id, summary: `${id} answered ${answers[id].length} rows`})]
        : [],
  });
}

describeMainMajor('check', major => {
  let server: TestServer;
  let connection: Connection;
  beforeAll(async () => {
    server = await shareTestServer({major});
    await server.query('CREATE TABLE secrets (id int)');
    await server.query("CREATE ROLE oncall LOGIN PASSWORD 'secret' IN ROLE pg_monitor");
    connection = await connect(requestTo(server.url({user: 'oncall', password: 'secret'})), {
      purpose: 'watch',
    });
  });
  afterAll(async () => {
    await connection?.close();
    await server?.stop();
  });

  const run = (...recipes: Recipe[]) => runWith(async () => {}, ...recipes);

  const runWith = async (beforeFacts: () => Promise<unknown>, ...recipes: Recipe[]) => {
    const [stdout, stderr]: [string[], string[]] = [[], []];
    const ports = {
      recipes,
      read: async () => [await readOnce(connection, {rates_over_ms: null})],
      load: async (needs: Parameters<typeof loadRecipeData>[1]) => {
        await beforeFacts();
        return loadRecipeData(connection, needs);
      },
      output: output(stdout, stderr),
      askPooler: async () => ({pooler_waiting_clients: null, pooler_max_wait_ms: null}),
      writeFile: async () => {},
    };
    const code = await checkOnce(ports, {
      limits: {},
      asked: {},
      rates_over_ms: null,
      baseline: null,
      applications: [],
      asked_application: null,
      slower_ratio: 1.5,
      format: 'json',
      junit: null,
      ignored: [],
      fail_on: 'warning',
    });
    return {code, stderr: stderr.join('\n'), findings: JSON.parse(stdout.join('')).findings};
  };

  it('diagnoses with the data that recipes require', async () => {
    const {code, findings} = await run(asking('one', 'SELECT 1'), createRecipe());
    expect(code).toBe(1);
    expect(findings).toMatchObject([{recipe: 'one', summary: 'one answered 1 rows'}]);
  });

  it('reports what the role may not read, and checks the rest', async () => {
    const {findings, stderr} = await run(
      asking('hidden', 'SELECT * FROM public.secrets'),
      asking('one', 'SELECT 1'),
    );
    expect(findings).toMatchObject([{recipe: 'one'}]);
    expect(stderr).toMatch(/poolctl: incomplete check, hidden: .*permission denied for table secrets/);
  });

  it('fails if the connection is lost while it reads', async () => {
    const end = () =>
      server.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'poolctl'",
      );
    await expect(runWith(end, asking('one', 'SELECT 1'))).rejects.toMatchObject({exitCode: 3});
  });
});
