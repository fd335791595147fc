import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import type pg from 'pg';
import {onTestFinished} from 'vitest';
import {recipes} from '../../../recipes/index.ts';
import type {Output} from '../../../source/cli/context.ts';
import type {ConsentFlags} from '../../../source/cli/execution/execute-plan.ts';
import {localFiles} from '../../../source/cli/local-files.ts';
import {readRecipeData} from '../../../source/cli/recipe-data.ts';
import {type RunFlags, type RunPorts, runRecipe} from '../../../source/commands/run/command.ts';
import {undoRun} from '../../../source/commands/undo/command.ts';
import {AbortError} from '../../../source/core/errors.ts';
import {sha256} from '../../../source/journal/chain.ts';
import {type JournalFile, openJournal} from '../../../source/journal/journal-file.ts';
import type {Clock} from '../../../source/model/ports.ts';
import type {Recipe} from '../../../source/model/recipe.ts';
import type {ExitCode} from '../../../source/model/run.ts';
import {type Connection, connect} from '../../../source/postgres/connect/connect.ts';
import {createExecutor} from '../../../source/postgres/executor/executor.ts';
import {readOnce} from '../../../source/postgres/sampler/sampler.ts';
import type {TestServer} from '../../helpers/server.ts';
import {requestTo} from '../../postgres/requests.ts';

const clock: Clock = {
  now: () => new Date(),
  sleep: (ms, signal) => sleep(ms, undefined, signal ? {signal} : {}),
};

export const noFlags: RunFlags = {
  set: [],
  dryRun: false,
  yes: false,
  approve: null,
  yesIrreversible: false,
  json: true,
};

/** A folder that is removed after the test. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'poolctl-test-'));
  onTestFinished(() => rm(folder, {recursive: true, force: true}));
  return folder;
}

export type Acting = {
  ports: RunPorts;
  journal: JournalFile;
  /** The lines on stdout and stderr. */
  stdout: string[];
  stderr: string[];
  /** The runs are `r1`, `r2` and so on. */
  run(recipe: string, flags: Partial<RunFlags>): Promise<ExitCode>;
  undo(run: string, flags: Partial<ConsentFlags>): Promise<ExitCode>;
  /** The last JSON document. */
  document(): Record<string, unknown> & {steps: Record<string, unknown>[]};
};

/** `run` and `undo` with real parts: their own connections as `user`, a PgBouncer's console, and a journal in a temporary folder. */
export async function createActing(
  server: TestServer,
  options: {user?: string; journal?: string; recipes?: readonly Recipe[]; pooler?: string} = {},
): Promise<Acting> {
  const file = options.journal ?? join(await temporaryFolder(), 'journal.jsonl');
  const user = options.user === undefined ? {} : {user: options.user, password: 'secret'};
  const pooler = options.pooler === undefined ? null : requestTo(options.pooler);
  const request = {...requestTo(server.url(user)), pooler};
  const watching: Connection = await connect(request, {purpose: 'watch'});
  onTestFinished(() => watching.close());
  const journal = openJournal(file);
  const stdout: string[] = [];
  const stderr: string[] = [];
  const ports: RunPorts = {
    recipes: options.recipes ?? recipes,
    read: () => readOnce(watching, {rates_over_ms: null}),
    load: needs => readRecipeData(watching, needs),
    engine: {
      executor: createExecutor(
        () => connect(request, {purpose: 'act'}),
        () => pooler,
      ),
      files: localFiles,
      journal,
      clock,
      sha256,
    },
    identity: {run: 'r1', actor: `oncall@${localFiles.host}`},
    output: output(stdout, stderr),
  };
  let runs = 0;
  const next = () => ({...ports, identity: {...ports.identity, run: `r${++runs}`}});
  return {
    ports,
    journal,
    stdout: stdout,
    stderr: stderr,
    run: (recipe, flags) => exitCode(runRecipe(next(), recipe, {...noFlags, ...flags})),
    undo: (run, flags) => exitCode(undoRun(next(), run, {...noFlags, ...flags})),
    document: () => JSON.parse(stdout.at(-1) ?? 'null'),
  };
}

/** The exit code, also of an AbortError, as in cli.tsx. */
export async function exitCode(running: Promise<ExitCode>): Promise<ExitCode> {
  return running.catch((error: unknown) => {
    if (error instanceof AbortError) return error.exitCode;
    throw error;
  });
}

export function output(stdout: string[], stderr: string[]): Output {
  return {
    stdout: text => stdout.push(text),
    stderr: text => stderr.push(text),
    isTty: false,
    columns: 80,
  };
}

/** Opens a session that stays idle in transaction, as an application with a leak does. */
export async function leak(
  server: TestServer,
  application_name: string,
  user?: string,
): Promise<pg.Client & {processID: number}> {
  const as = user === undefined ? {} : {user, password: 'secret'};
  const client = await server.connect({application_name, ...as});
  await client.query('BEGIN');
  await client.query("SELECT 'a secret literal'");
  return client as pg.Client & {processID: number};
}

/** Roles of the tests; `oncall` has the privileges that poolctl needs. */
export async function createRoles(server: TestServer): Promise<void> {
  await server.query("CREATE ROLE app LOGIN PASSWORD 'secret'");
  await server.query("CREATE ROLE oncall LOGIN PASSWORD 'secret' IN ROLE pg_monitor, pg_signal_backend");
  await server.query("CREATE ROLE viewer LOGIN PASSWORD 'secret' IN ROLE pg_monitor");
  await server.query("CREATE ROLE blind LOGIN PASSWORD 'secret'");
}

export async function pidsOf(server: TestServer, application_name: string): Promise<number[]> {
  const rows = await server.query<{pid: number}>(
    'SELECT pid FROM pg_stat_activity WHERE application_name = $1 ORDER BY pid',
    [application_name],
  );
  return rows.map(({pid}) => pid);
}
