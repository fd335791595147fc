import {afterAll, afterEach, beforeAll, describe, expect, it} from 'vitest';
import type {DoctorCheck, DoctorReport} from '../../../source/model/target.ts';
import {connect} from '../../../source/postgres/connect/connect.ts';
import {examine} from '../../../source/postgres/server/doctor.ts';
import {describeEachMajor, type OwnServer, startTestServer} from '../../helpers/server.ts';
import {requestTo} from '../requests.ts';

async function reportOf(url: string, env: Record<string, string> = {}): Promise<DoctorReport> {
  const connection = await connect(requestTo(url, env), {purpose: 'watch'});
  try {
    return await examine(connection);
  } finally {
    await connection.close();
  }
}

function checkOf(report: DoctorReport, id: string): DoctorCheck {
  const check = report.checks.find(each => each.id === id);
  if (check === undefined) throw new Error(`no check ${id}`);
  return check;
}

describeEachMajor('the doctor', major => {
  let server: OwnServer;
  const strange = 'on "call"';
  beforeAll(async () => {
    server = await startTestServer({major});
    await server.query(`CREATE ROLE "on ""call""" LOGIN PASSWORD 'secret'`);
    await server.query('CREATE DATABASE fresh');
  });
  afterAll(() => server.stop());
  afterEach(async () => {
    await server.query('ALTER SYSTEM RESET ALL');
    await server.query('SELECT pg_reload_conf()');
  });

  const onCall = (database = 'postgres') => server.url({user: strange, password: 'secret', database});
  /** New sessions start with it once the postmaster has read it. */
  const set = async (name: string, value: string) => {
    await server.query(`ALTER SYSTEM SET ${name} = ${value}`);
    await server.query('SELECT pg_reload_conf()');
    for (;;) {
      const client = await server.connect();
      const {rows} = await client.query('SELECT current_setting($1) AS value', [name]);
      await client.end();
      if (rows[0]?.value === value) return;
    }
  };

  it('reports what an ordinary role lacks; each remedy, run unchanged, fixes it', async () => {
    const lacks = ['sessions', 'signal', 'statements'];
    const before = await reportOf(onCall('fresh'));
    expect(before.checks.filter(({status}) => status === 'missing').map(({id}) => id)).toEqual(lacks);
    expect(checkOf(before, 'sessions').remedy).toBe('GRANT pg_monitor TO "on ""call""";');
    expect(checkOf(before, 'signal').remedy).toBe('GRANT pg_signal_backend TO "on ""call""";');
    expect(checkOf(before, 'statements').remedy).toBe('CREATE EXTENSION pg_stat_statements;');

    const fixer = await server.connect({database: 'fresh'});
    for (const id of lacks) await fixer.query(checkOf(before, id).remedy ?? '');
    await fixer.end();
    const after = await reportOf(onCall('fresh'));
    expect(lacks.map(id => checkOf(after, id).status)).toEqual(['ok', 'ok', 'ok']);
    expect(after.checks.filter(({status}) => status === 'missing')).toEqual([]);
  });

  it('says first whether the server takes writes, and what will end that', async () => {
    const first = async () => (await reportOf(server.superuserUrl)).checks[0];
    expect(await first()).toMatchObject({id: 'writes', status: 'ok', detail: 'the server takes writes'});
    await server.query('CREATE TABLE full_one (id serial)');
    await server.query("SELECT setval('full_one_id_seq', 2147483647)");
    expect(await first()).toMatchObject({
      status: 'advice',
      detail: 'the server takes writes, but full_one.id is full',
    });
    await set('default_transaction_read_only', 'on');
    expect(await first()).toMatchObject({
      status: 'advice',
      detail: expect.stringMatching(/^the server takes no writes: read-only: .*postgresql\.auto\.conf/),
    });
    const fixer = await server.connect();
    await fixer.query('ALTER SYSTEM RESET ALL');
    await fixer.query('SELECT pg_reload_conf()');
    await fixer.query('SET default_transaction_read_only = off');
    await fixer.query('DROP TABLE full_one');
    await fixer.end();
  });

  it('recognizes a superuser', async () => {
    const report = await reportOf(server.superuserUrl);
    for (const id of ['sessions', 'signal', 'reserved_slots']) expect(checkOf(report, id).status).toBe('ok');
    expect(report.target.privileges.is_superuser).toBe(true);
  });

  it.skipIf(major < 14)('reports whether sessions have a query_id', async () => {
    expect(checkOf(await reportOf(server.superuserUrl), 'query_id').status).toBe('ok');
    await server.query('CREATE EXTENSION IF NOT EXISTS pg_stat_statements');
    await set('compute_query_id', 'off');
    const report = await reportOf(server.superuserUrl);
    const remedy = 'ALTER SYSTEM SET compute_query_id = auto; SELECT pg_reload_conf();';
    expect(checkOf(report, 'query_id')).toMatchObject({status: 'advice', remedy, needs_restart: false});
    // Without it no statement is counted either, as enable-statement-statistics says.
    expect(checkOf(report, 'statements')).toMatchObject({status: 'missing', remedy});
  });

  it.each(['track_activities', 'track_counts'])('reports that %s is off', async name => {
    await set(name, 'off');
    expect(checkOf(await reportOf(server.superuserUrl), 'tracking')).toMatchObject({
      status: 'missing',
      remedy: `ALTER SYSTEM SET ${name} = on; SELECT pg_reload_conf();`,
    });
  });

  it('advises track_io_timing and a larger track_activity_query_size', async () => {
    const report = await reportOf(server.superuserUrl);
    expect(checkOf(report, 'io_timing')).toMatchObject({status: 'advice', needs_restart: false});
    expect(checkOf(report, 'query_size')).toMatchObject({
      status: 'advice',
      remedy: 'ALTER SYSTEM SET track_activity_query_size = 4096; then restart the server',
      needs_restart: true,
    });
    await set('track_io_timing', 'on');
    expect(checkOf(await reportOf(server.superuserUrl), 'io_timing').status).toBe('ok');
  });

  it('reports that pg_stat_statements tracks nothing', async () => {
    await server.query('CREATE EXTENSION IF NOT EXISTS pg_stat_statements');
    await set('pg_stat_statements.track', 'none');
    expect(checkOf(await reportOf(server.superuserUrl), 'statements')).toMatchObject({
      status: 'missing',
      remedy: 'ALTER SYSTEM SET pg_stat_statements.track = top; SELECT pg_reload_conf();',
    });
  });

  it('reports that the role may not use the schema of pg_stat_statements', async () => {
    await server.query('CREATE DATABASE hidden');
    const owner = await server.connect({database: 'hidden'});
    await owner.query('CREATE SCHEMA extensions');
    await owner.query('CREATE EXTENSION pg_stat_statements SCHEMA extensions');
    const before = checkOf(await reportOf(onCall('hidden')), 'statements');
    expect(before).toMatchObject({
      status: 'missing',
      remedy: 'GRANT USAGE ON SCHEMA "extensions" TO "on ""call""";',
    });
    await owner.query(before.remedy ?? '');
    await owner.end();
    expect(checkOf(await reportOf(onCall('hidden')), 'statements').status).toBe('ok');
  });

  it('reports that pg_monitor alone does not show the ends of sequences; the remedy does', async () => {
    await server.query("CREATE ROLE watcher LOGIN PASSWORD 'secret' IN ROLE pg_monitor");
    await server.query('CREATE DATABASE counted');
    const owner = await server.connect({database: 'counted'});
    await owner.query('CREATE SCHEMA "sho p"');
    await owner.query('CREATE TABLE "sho p".readings (id serial)');
    await owner.query(`SELECT setval('"sho p".readings_id_seq', 2147483647)`);
    const url = server.url({user: 'watcher', password: 'secret', database: 'counted'});
    const before = await reportOf(url);
    expect(checkOf(before, 'sequences')).toMatchObject({
      status: 'advice',
      detail: 'may not read 1 of 1 sequence: it cannot see that one reaches its end',
    });
    expect(checkOf(before, 'writes').detail).toBe('the server takes writes');
    await owner.query(checkOf(before, 'sequences').remedy ?? '');
    await owner.end();
    const after = await reportOf(url);
    expect(after.checks.map(({id}) => id)).not.toContain('sequences');
    expect(checkOf(after, 'writes').detail).toContain('sho p.readings.id is full');
  });

  it('reports unreadable tables, which have no plans; the remedy fixes it', async () => {
    await server.query('CREATE DATABASE planned');
    expect(checkOf(await reportOf(onCall('planned')), 'plans').status).toBe('ok');
    const owner = await server.connect({database: 'planned'});
    await owner.query('CREATE SCHEMA "in voice"');
    await owner.query('CREATE TABLE "in voice".lines (id int)');
    await owner.query('CREATE TABLE orders (id int)');
    await owner.query(`GRANT SELECT ON orders TO "on ""call"""`);
    const before = checkOf(await reportOf(onCall('planned')), 'plans');
    expect(before).toMatchObject({
      status: 'advice',
      detail: 'may not read 1 of 2 tables, so their statements have no plans',
    });
    await owner.query(before.remedy ?? '');
    await owner.end();
    expect(checkOf(await reportOf(onCall('planned')), 'plans').status).toBe('ok');
  });

  it('advises reserved slots', async () => {
    const check = checkOf(await reportOf(onCall()), 'reserved_slots');
    expect(check.status).toBe('advice');
    if (major >= 16) {
      expect(check.remedy).toBe(
        'GRANT pg_use_reserved_connections TO "on ""call"""; ' +
          'ALTER SYSTEM SET reserved_connections = 3; then restart the server',
      );
    } else expect(check.remedy).toContain('POOLCTL_RESCUE_URL=');
  });

  it('reports a rescue URL of another server, or of another database', async () => {
    const other = await startTestServer({major});
    try {
      const elsewhere = await reportOf(onCall(), {POOLCTL_RESCUE_URL: other.superuserUrl});
      expect(checkOf(elsewhere, 'rescue')).toMatchObject({
        status: 'missing',
        detail: expect.stringMatching(
          /works, but this is server …\d+, not server …\d+: poolctl changes nothing/,
        ),
      });
    } finally {
      await other.stop();
    }
    const beside = await reportOf(onCall(), {POOLCTL_RESCUE_URL: server.url({database: 'template1'})});
    expect(checkOf(beside, 'rescue').detail).toContain('this is another database of server');
  });

  it('tests the rescue URL', async () => {
    const good = await reportOf(onCall(), {POOLCTL_RESCUE_URL: server.superuserUrl});
    expect(checkOf(good, 'rescue').status).toBe('ok');
    const rescue = server.url({user: 'postgres', password: 'wrong'});
    const bad = checkOf(await reportOf(onCall(), {POOLCTL_RESCUE_URL: rescue}), 'rescue');
    expect(bad).toMatchObject({
      status: 'missing',
      detail: expect.stringContaining('password authentication failed for role "postgres"'),
      remedy: 'Check the password: it comes from POOLCTL_RESCUE_URL.',
    });
  });

  describe('on a managed service', () => {
    it.each([
      ['rds_superuser', 'rds', 'track_io_timing = on in the DB parameter group'],
      ['cloudsqlsuperuser', 'cloud_sql', 'track_io_timing = on as a database flag of the instance'],
      ['azure_pg_admin', 'azure', 'track_io_timing = on in the server parameters'],
      [
        'supabase_admin',
        'supabase',
        "track_io_timing = on by the Supabase CLI's postgres-config, where it takes the setting",
      ],
      ['neon_superuser', 'neon', "track_io_timing = on by Neon's support"],
    ])('%s', async (role, service, remedy) => {
      await server.query(`CREATE ROLE ${role}`);
      const report = await reportOf(onCall());
      await server.query(`DROP ROLE ${role}`);
      expect(report.target.managed_service).toBe(service);
      expect(checkOf(report, 'io_timing').remedy).toBe(remedy);
      expect(checkOf(report, 'io_timing').note).toContain('does not allow ALTER SYSTEM');
    });
  });

  it('prints no password', async () => {
    const report = await reportOf(onCall(), {POOLCTL_RESCUE_URL: server.superuserUrl});
    expect(JSON.stringify(report)).not.toMatch(/secret/);
    expect(JSON.stringify(report)).not.toContain(new URL(server.superuserUrl).password);
  });

  // Last, because the server restarts without the library.
  it('reports that pg_stat_statements is not loaded; the remedy keeps the other libraries', async () => {
    await server.restart({shared_preload_libraries: 'auto_explain'});
    const check = checkOf(await reportOf(server.superuserUrl), 'statements');
    expect(check).toMatchObject({status: 'missing', needs_restart: true});
    const [statement] = /^ALTER SYSTEM [^;]+;/.exec(check.remedy ?? '') ?? [];
    expect(statement).toBe(
      "ALTER SYSTEM SET shared_preload_libraries = 'auto_explain', 'pg_stat_statements';",
    );
    await server.query(statement ?? '');
    await server.restart();
    expect(checkOf(await reportOf(server.superuserUrl), 'statements').status).toBe('ok');
  });
});
