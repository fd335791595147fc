import {afterAll, beforeAll, expect, it} from 'vitest';
import killIdleSessions from '../../../recipes/kill-idle-sessions.ts';
import {protectionOf} from '../../../source/core/sessions/protection.ts';
import {readCriteria} from '../../../source/core/sessions/session-parameters.ts';
import {connect} from '../../../source/postgres/connect/connect.ts';
import {readOnce} from '../../../source/postgres/sampler/sampler.ts';
import {readSessionDetail} from '../../../source/postgres/sampler/session-detail.ts';
import {readStatementNow} from '../../../source/postgres/sampler/statement-text.ts';
import {secretStatements} from '../../helpers/secret-statements.ts';
import {describeEachMajor, startTestServer, type TestServer} from '../../helpers/server.ts';
import {requestTo} from '../requests.ts';

describeEachMajor('statements with secrets', major => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({major, settings: {shared_preload_libraries: 'pg_stat_statements'}});
    await server.query('CREATE EXTENSION pg_stat_statements');
  });
  afterAll(() => server?.stop());

  it('appear in no snapshot and no detail, whether the server executed them or not', async () => {
    const watching = await connect(requestTo(server.url()), {purpose: 'watch'});
    const clients = await Promise.all(
      Array.from({length: 10}, () => server.connect({application_name: 'app'})),
    );
    for (let at = 0; at < secretStatements.length; at += clients.length) {
      const texts = secretStatements.slice(at, at + clients.length);
      await Promise.all(texts.map((text, index) => clients[index]?.query(text).catch(() => {})));
      const snapshot = await readOnce(watching, {rates_over_ms: null});
      const own = snapshot.backends.filter(({application_name}) => application_name === 'app');
      expect(own).toHaveLength(clients.length);
      expect(secretIn(snapshot)).toBeNull();
      const [first] = own;
      if (first === undefined) throw new Error('no session');
      const detail = await readSessionDetail(watching, first);
      expect(detail.query).not.toBeNull();
      expect(secretIn(detail)).toBeNull();
    }
    await Promise.all(clients.map(client => client.end()));
    await watching.close();
  });

  it.each([
    ['postgres://ann:hush@h/d', 'postgres://ann:***@h/d'],
    ['web password=hush', 'web password=***'],
    ['job --token=hush', 'job --token=***'],
  ])('as %s are masked in an application name, by which its session is still found', async (name, shown) => {
    const client = await server.connect({config: {application_name: name}});
    const watching = await connect(requestTo(server.url()), {purpose: 'watch'});
    const snapshot = await readOnce(watching, {rates_over_ms: null});
    expect(secretIn(snapshot)).toBeNull();
    const [session] = snapshot.backends.filter(({application_name}) => application_name === shown);
    if (session === undefined) throw new Error('no session');
    expect(snapshot.budget.groups.map(({application_name}) => application_name)).toContain(shown);
    const {application} = readCriteria({application: name}, killIdleSessions.parameters);
    expect(application).toBe(shown);
    const protecting = {...snapshot.target, protected_sessions: {roles: [], applications: [name]}};
    const protection = protectionOf(
      {...session, is_superuser: false},
      {...snapshot, target: protecting},
      false,
    );
    expect(protection?.reason).toContain(`application ${shown} is protected`);
    await client.end();
    await watching.close();
  });

  it('are planned from the unmasked text, which is read again', async () => {
    await server.query('CREATE TABLE plain (a numeric(10, 2))');
    await server.query("SELECT /* why */ a::numeric(8, 1) FROM plain WHERE a > 4711 AND 'x' <> 'hush'");
    const watching = await connect(requestTo(server.url()), {purpose: 'watch'});
    const {statements} = await readOnce(watching, {rates_over_ms: null});
    const statement = statements.find(({query}) => query?.includes('FROM plain'));
    expect(statement?.query).not.toContain('why');
    if (statement === undefined) throw new Error('no statement');
    const {query: text} = await readStatementNow(watching, statement);
    expect(text).toContain('SELECT /* why */ a::numeric(8, 1) FROM plain WHERE a > $1');
    await expect(readStatementNow(watching, {...statement, queryid: '1'})).rejects.toThrow('no longer has');
    await watching.close();
  });
});

function secretIn(value: unknown): string | null {
  return JSON.stringify(value).match(/.{0,80}hush.{0,20}/i)?.[0] ?? null;
}
