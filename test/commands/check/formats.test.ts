import {spawn} from 'node:child_process';
import {mkdir, readFile, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {afterAll, beforeAll, expect, it, onTestFinished} from 'vitest';
import {
  createCliRoles,
  failing,
  leak,
  password,
  runProgram,
  temporaryHome,
  urlOf,
} from '../../cli/run-program.ts';
import {activeMarkdown} from '../../helpers/active-markdown.ts';
import {program} from '../../helpers/build.ts';
import {describeMainMajor, shareTestServer, startTestServer, type TestServer} from '../../helpers/server.ts';
import {itWithValidator} from '../../helpers/validators.ts';

const xmllint = {name: 'libxml2-utils', program: 'xmllint', args: ['--noout', '-']};
const promtool = {name: 'prometheus', program: 'promtool', args: ['check', 'metrics']};

describeMainMajor('poolctl check writes', async major => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({major, settings: {max_connections: 20, max_wal_senders: 0}});
    await createCliRoles(server);
    // An application's name that breaks XML and Markdown unless it is escaped.
    await leak(server, {application_name: '<a> & "b" ]]> | `c`'});
  });
  afterAll(() => server?.stop());

  const check = (...args: string[]) => runProgram(['check', urlOf(server, 'oncall'), ...args]);
  const strict = ['--max-idle-in-transaction', '0s'];

  await itWithValidator(xmllint, 'JUnit that xmllint reads', async validate => {
    const home = await temporaryHome();
    const [written, printed] = await Promise.all([
      runProgram(['check', urlOf(server, 'oncall'), ...strict, '--junit', 'out.xml'], {home}),
      check(...strict, '--junit', '-'),
    ]);
    expect([written.code, written.stdout]).toEqual([1, expect.stringMatching(/^critical: /)]);
    const xml = await readFile(join(home, 'out.xml'), 'utf8');
    await validate(xml);
    expect(xml).toMatch(/name="longest idle in transaction"><failure type="critical" message="\d/);
    expect(xml).toContain('name="slots used"/>');
    expect(printed.stdout).toMatch(/^<\?xml .*<\/testsuites>\n$/s);
  });

  await itWithValidator(promtool, 'OpenMetrics that promtool reads, on loopback', async validate => {
    const address = await serveMetrics([
      'check',
      urlOf(server, 'oncall'),
      '--metrics',
      ':0',
      '--every',
      '0.5s',
    ]);
    expect(address).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/metrics$/);
    const answer = await fetch(address);
    expect(answer.headers.get('content-type')).toMatch(/^application\/openmetrics-text/);
    const isRead = async () => (await fetch(address)).text();
    await expect.poll(isRead).toMatch(/^poolctl_up 1$/m);
    const text = await isRead();
    await validate(text);
    expect(text).toMatch(/^poolctl_slots_usable 17$/m);
    expect(text).toMatch(
      /^poolctl_application_sessions\{application="[^"]*",role="[^"]+",state="idle"\} \d+$/m,
    );
    expect(text).toMatch(/^poolctl_limit_level\{metric="used_ratio"\} 0$/m);
    expect(text).toMatch(/^# EOF$/m);
    expect((await fetch(new URL('/', address))).status).toBe(404);
    // Without a server there are no figures, rather than zeros.
    await server.stop();
    await expect.poll(isRead).toMatch(/^poolctl_up 0$/m);
    expect(await isRead()).not.toContain('poolctl_slots');
    server = await startTestServer({major, settings: {max_connections: 20, max_wal_senders: 0}});
    await createCliRoles(server);
  });

  it('metrics without what is hidden from the role, and of 50 applications at most', async () => {
    const shared = await shareTestServer({major});
    onTestFinished(() => shared.stop());
    await createCliRoles(shared);
    const names = Array.from({length: 53}, (_, index) => `worker-${index}`);
    const clients = await Promise.all(
      names.map(application_name => shared.connect({user: 'app', password, application_name})),
    );
    const call = ['check', urlOf(shared, 'blind'), '--metrics', ':0', '--every', '0.5s'];
    const address = await serveMetrics(call);
    const isRead = async () => (await fetch(address)).text();
    await expect.poll(isRead).toMatch(/^poolctl_up 1$/m);
    const text = await isRead();
    expect(text).toMatch(/^poolctl_slots_used \d+$/m);
    expect(text).not.toMatch(/^poolctl_(longest_transaction|longest_idle_in|status)/m);
    expect(text).not.toMatch(/metric="longest_/);
    const applications = new Set(
      [...text.matchAll(/^poolctl_application_sessions\{application="([^"]*)"/gm)].map(([, name]) => name),
    );
    expect(applications.size).toBe(51);
    expect(applications).toContain('(others)');
    await Promise.all(clients.map(each => each.end()));
  });

  it('levels of the limits of applications, of --application and of config.toml', async () => {
    const shared = await shareTestServer({major});
    onTestFinished(() => shared.stop());
    await createCliRoles(shared);
    await shared.connect({user: 'app', password, application_name: 'web'});
    const config = await temporaryHome();
    await mkdir(join(config, 'poolctl'));
    const limits = '[applications.web]\nmax_used = "0.1%,0.2%"\n[applications.away]\nmax_used = "1%"\n';
    await writeFile(join(config, 'poolctl', 'config.toml'), limits);
    const own = ['--application', 'role:app', '--max-used', '90%'];
    const call = ['check', urlOf(shared, 'oncall'), '--metrics', ':0', '--every', '0.5s', ...own];
    const address = await serveMetrics(call, {XDG_CONFIG_HOME: config});
    const isRead = async () => (await fetch(address)).text();
    await expect.poll(isRead).toMatch(/^poolctl_up 1$/m);
    const levels = (await isRead()).match(/^poolctl_(?:application_limit_level|status).*$/gm);
    expect(levels).toEqual([
      'poolctl_status 2',
      'poolctl_application_limit_level{application="web",metric="used_ratio"} 2',
      'poolctl_application_limit_level{application="role:app",metric="used_ratio"} 0',
    ]);
  });

  it('no metrics of a wrong password or database: it exits', async () => {
    const exitOf = async (url: string) => (await runProgram(['check', url, '--metrics', ':0'])).code;
    const url = new URL(urlOf(server, 'oncall'));
    url.password = 'wrong';
    expect(await exitOf(urlOf(server, 'oncall').replace(/\/[^/?]*(\?|$)/, '/nowhere$1'))).toBe(3);
    expect(await exitOf(url.href)).toBe(3);
  });

  it("one line with --nagios, with a Nagios plugin's exit codes", async () => {
    const nagios = (...args: string[]) => check('--nagios', ...args);
    const well = await nagios();
    expect([well.code, well.stdout]).toEqual([
      0,
      expect.stringMatching(/^POOLCTL OK - .*\|used_ratio=[\d.]+%;80;90;0;100 .*\n$/),
    ]);
    // Findings judge it: a graph shows no limit that would alert.
    expect(well.stdout).toMatch(/ longest_transaction=[\d.]+s;;;0 /);
    const leaking = await leak(server, {application_name: 'web | free'});
    const [warned, bad, down, invalid] = await Promise.all([
      nagios('--max-idle-in-transaction', '0s,1h'),
      nagios('--max-idle-in-transaction', '0s'),
      runProgram(['check', 'postgres://u@127.0.0.1:1/x', '--nagios']),
      nagios('--max-used', 'much'),
    ]);
    expect([warned.code, warned.stdout]).toEqual([
      1,
      expect.stringMatching(/^POOLCTL WARNING - longest idle/),
    ]);
    expect([bad.code, bad.stdout.split('\n')[0]]).toEqual([
      2,
      expect.stringMatching(/^POOLCTL CRITICAL - [^|]*\|[^|]*$/),
    ]);
    await leaking.end();
    expect([down.code, down.stdout]).toEqual([2, expect.stringMatching(/^POOLCTL CRITICAL - [^\n]+\n$/)]);
    expect([invalid.code, invalid.stdout]).toEqual([
      3,
      expect.stringMatching(/^POOLCTL UNKNOWN - invalid limit "much" for --max-used/),
    ]);
  });

  it('why it cannot write JUnit, whether or not the server is up', async () => {
    const home = await temporaryHome();
    const junit = ['--junit', 'nowhere/out.xml'];
    expect(await failing(['check', urlOf(server, 'oncall'), ...junit], {home})).toEqual([
      7,
      expect.stringMatching(/^poolctl: cannot write .*nowhere\/out\.xml: ENOENT\n$/),
    ]);
    expect(await failing(['check', 'postgresql://u@127.0.0.1:1/x', ...junit], {home})).toEqual([
      3,
      expect.stringContaining('connection refused'),
    ]);
  });

  it('JUnit if the server is down, too', async () => {
    const {code, stdout} = await runProgram(['check', 'postgresql://u@127.0.0.1:1/x', '--junit', '-']);
    expect([code, stdout]).toEqual([
      3,
      expect.stringMatching(/errors="1".*<error message="[^"]*connection refused/s),
    ]);
  });

  it('Markdown in which texts from the server are escaped', async () => {
    const client = await server.connect({
      user: 'app',
      password,
      application_name: '<img src=x> [a](b) @here',
    });
    await client.query('BEGIN');
    const {stdout} = await check('--markdown', ...strict);
    expect(stdout).toMatch(/^### poolctl check: critical\n/);
    expect(stdout).toMatch(/^\| critical \| longest idle in transaction \| \d/m);
    expect(stdout).not.toContain('<img');
    expect(activeMarkdown(stdout)).toEqual([]);
    await client.end();
  });

  it('only one format in one call', async () => {
    expect(await failing(['check', urlOf(server, 'oncall'), '--json', '--markdown'])).toEqual([
      2,
      expect.stringContaining('--json and --markdown'),
    ]);
  });
});

/** The address that it prints. */
function serveMetrics(args: string[], env: Record<string, string> = {}): Promise<string> {
  const child = spawn(process.execPath, [program, ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: {...process.env, ...env},
  });
  onTestFinished(
    () =>
      new Promise<void>(resolve => {
        child.once('exit', () => resolve());
        child.kill('SIGINT');
      }),
  );
  let output = '';
  return new Promise((resolve, reject) => {
    child.once('exit', () => reject(new Error(output)));
    child.stderr.setEncoding('utf8').on('data', text => {
      output += text;
      const [address] = /http:\S+/.exec(output) ?? [];
      if (address !== undefined) resolve(address);
    });
  });
}
