// tier: server
import {describe, expect, it} from 'vitest';
import type {CliContext} from '../../source/cli/context.ts';
import {locateServer, locateServerOn} from '../../source/cli/locate-server.ts';
import {AbortError} from '../../source/core/errors.ts';
import {type MachineSetup, machineOf, summary} from '../postgres/connect/fake-machine.ts';

const file = '/home/ann/.config/poolctl/config.toml';

const prod = `[targets.prod]
environment = "production"
url = "postgres://app:pw@prod:5432/shop"
rescue_url = "postgres://root:rpw@prod/shop"
recipes = ["runbooks"]
protected.roles = ["billing"]
thresholds.max_used = "90%"
`;

function find({files = {}, ...setup}: MachineSetup, toml: string) {
  return locateServerOn(machineOf({...setup, files: {[file]: toml, ...files}}), {
    url: setup.url,
    flags: setup.flags ?? {},
  });
}

async function refusal(setup: MachineSetup, toml: string): Promise<AbortError> {
  try {
    await find(setup, toml);
  } catch (error) {
    if (error instanceof AbortError) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

it.each([
  ['/nowhere/server.log', 'there is no such file'],
  ['/', 'it is not a file'],
])('--log %s is refused: %s', async (log, why) => {
  const call = {url: 'postgres://u@h/d', flags: {log}};
  await expect(locateServer({env: {}, cwd: '/'} as CliContext, call)).rejects.toMatchObject({
    message: `cannot read the server's log ${log}: ${why}`,
    exitCode: 2,
  });
});

describe('a target of the configuration', () => {
  it('sets its URLs and marks production', async () => {
    const request = await find({flags: {target: 'prod'}}, prod);
    expect(summary(request)).toBe(`app:pw@prod:5432/shop from target "prod" in ${file}`);
    expect(request.rescue && summary(request.rescue)).toBe(
      'root:rpw@prod:5432/shop from the rescue URL of target "prod"',
    );
    expect([request.is_production, request.rescue?.is_production]).toEqual([true, true]);
  });

  it('is read from XDG_CONFIG_HOME, and overrides the environment', async () => {
    const files = {'/c/poolctl/config.toml': '[targets.x]\nurl = "postgres://u@x/d"'};
    const env = {XDG_CONFIG_HOME: '/c', DATABASE_URL: 'postgres://u@h/d'};
    expect(summary(await find({flags: {target: 'x'}, env, files}, prod))).toBe(
      'u:@x:5432/d from target "x" in /c/poolctl/config.toml',
    );
  });

  it('reads its URL from a variable, or from the output of a command', async () => {
    const toml = `[targets.a]\nurl_env = "SHOP"\nrescue_url_command = "echo postgres://root@$WHERE/d; echo more"`;
    const env = {SHOP: 'postgres://u@h/d', WHERE: 'h', PATH: process.env.PATH ?? ''};
    const request = await find({flags: {target: 'a'}, env}, toml);
    expect([request.user, request.rescue?.user]).toEqual(['u', 'root']);
  });

  it.each<[string, Record<string, string>, string, number, RegExp]>([
    [
      'a variable that is not set',
      {},
      'url_env = "SHOP"',
      2,
      /^the URL of target "a" comes from SHOP, which is not set/,
    ],
    ['a command that fails', {}, 'url_command = "echo postgres://u:secret@h; exit 3"', 3, /exited with 3$/],
    ['a command that prints nothing', {}, 'url_command = "true"', 3, /printed nothing$/],
    [
      'text that is not an address',
      {},
      'url_command = "echo secret"',
      2,
      /^target "a" in .*config.toml is no/,
    ],
  ])('reports %s', async (_, env, url, exitCode, message) => {
    const setup = {flags: {target: 'a'}, env: {PATH: process.env.PATH ?? '', ...env}};
    const error = await refusal(setup, `[targets.a]\n${url}`);
    expect(error.message).toMatch(message);
    expect(error.exitCode).toBe(exitCode);
    expect(`${error.message} ${error.hint}`).not.toMatch(/secret|\n/);
  });

  it('is reported when unknown, with the nearest name', async () => {
    const error = await refusal({flags: {target: 'prd'}}, prod);
    expect(`${error.message}. ${error.hint}`).toBe(`unknown target "prd" in ${file}. Did you mean prod?`);
    expect((await refusal({flags: {target: 'prod'}}, '')).hint).toContain('[targets.prod]');
  });
});

describe('settings of the configuration for a server', () => {
  const settings = {
    limits: {used_ratio: {warning: null, critical: 0.9}},
    protected_sessions: {roles: ['billing'], applications: []},
    recipe_folders: ['/home/ann/.config/poolctl/runbooks'],
    applications: [],
  };

  it.each<[string, MachineSetup]>([
    ['by its name', {flags: {target: 'prod'}}],
    ['by its address, for every role', {url: 'postgres://me@prod/shop'}],
    ['by the address in ./.env', {files: {'/app/.env': 'DATABASE_URL=postgres://me@prod/shop'}}],
    ['by flags', {flags: {host: 'prod', database: 'shop'}}],
  ])('are found %s', async (_, setup) => {
    const request = await find(setup, prod);
    expect(request.is_production).toBe(true);
    expect(request.settings).toEqual(settings);
  });

  it('apply to the rescue URL as well', async () => {
    expect((await find({flags: {target: 'prod'}}, prod)).rescue?.settings).toEqual(settings);
  });

  it('do not apply to another server', async () => {
    const request = await find({url: 'postgres://me@prod/other'}, prod);
    expect(request.is_production).toBe(false);
    expect(request.settings.recipe_folders).toEqual([]);
  });

  it('apply to every server if they belong to no target', async () => {
    const request = await find({url: 'postgres://me@h/d'}, `recipes = ["/r"]\n${prod}`);
    expect(request.settings.recipe_folders).toEqual(['/r']);
  });

  it('mark production if one of several targets of the server does', async () => {
    const both = `[targets.reader]\nurl = "postgres://r@prod/shop"\n${prod}`;
    expect((await find({flags: {target: 'reader'}}, both)).is_production).toBe(true);
    const request = await find({url: 'postgres://me@prod/shop'}, both);
    expect(request.settings).toEqual(settings);
  });

  it('set the environment; of several, production wins', async () => {
    const staging = '[targets.stage]\nenvironment = "staging"\nurl = "postgres://s@prod/shop"';
    const found = async (flags: NonNullable<MachineSetup['flags']>, text: string) => {
      const {is_production, environment, rescue} = await find({url: 'postgres://me@prod/shop', flags}, text);
      return [is_production, environment, rescue?.environment];
    };
    expect(await found({}, staging)).toEqual([false, 'staging', undefined]);
    expect(await found({production: true}, staging)).toEqual([true, null, undefined]);
    expect(await found({production: false}, prod)).toEqual([false, null, undefined]);
    expect(await found({}, `${staging}\n${prod}`)).toEqual([true, null, undefined]);
  });

  it('are matched without running url_command', async () => {
    const request = await find({url: 'postgres://me@prod/shop'}, '[targets.a]\nurl_command = "exit 3"');
    expect(request.is_production).toBe(false);
  });
});
