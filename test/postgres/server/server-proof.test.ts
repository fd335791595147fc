import {afterAll, afterEach, beforeAll, expect, it, onTestFinished} from 'vitest';
import {compareServers} from '../../../source/core/server/server-identity.ts';
import type {ServerIdentity} from '../../../source/model/target.ts';
import {connect} from '../../../source/postgres/connect/connect.ts';
import {readOnce} from '../../../source/postgres/sampler/sampler.ts';
import {examine} from '../../../source/postgres/server/doctor.ts';
import {describeEachMajor, shareTestServer, type TestServer} from '../../helpers/server.ts';
import {requestTo} from '../requests.ts';

describeEachMajor('the identity of a server', major => {
  let server: TestServer;
  let other: TestServer;
  beforeAll(async () => {
    [server, other] = await Promise.all([shareTestServer({major}), shareTestServer({major})]);
    await server.query("CREATE ROLE oncall LOGIN PASSWORD 'secret' IN ROLE pg_monitor");
  });
  afterAll(() => Promise.all([server?.stop(), other?.stop()]));
  afterEach(() => server.query('GRANT EXECUTE ON FUNCTION pg_catalog.pg_control_system() TO PUBLIC'));

  const refuse = () => server.query('REVOKE EXECUTE ON FUNCTION pg_catalog.pg_control_system() FROM PUBLIC');
  const oncall = () => server.url({user: 'oncall', password: 'secret'});
  const connection = async (url: string, purpose: 'watch' | 'act') => {
    const opened = await connect(requestTo(url), {purpose});
    onTestFinished(() => opened.close());
    return opened;
  };
  const seenOn = async (url: string) => {
    const {target, unavailable} = await readOnce(await connection(url, 'watch'), {rates_over_ms: null});
    return {server: target.server as ServerIdentity, unavailable};
  };

  it('is read with the first snapshot, and on each acting connection', async () => {
    const [row] = await server.query<ServerIdentity>(
      `SELECT (SELECT system_identifier::text FROM pg_control_system()),
        (SELECT oid::text FROM pg_database WHERE datname = current_database()) AS database_oid`,
    );
    const seen = await seenOn(oncall());
    expect(seen.server).toMatchObject({...row, is_in_recovery: false});
    expect(seen.unavailable.filter(({section}) => section === 'server')).toEqual([]);
    expect((await connection(oncall(), 'act')).server).toEqual(seen.server);
    expect((await seenOn(server.superuserUrl)).server).toEqual(seen.server);
  });

  it('differs for another cluster, and for a database that was created again', async () => {
    const {server: first} = await seenOn(server.superuserUrl);
    expect(compareServers(first, (await seenOn(other.superuserUrl)).server)).toBe('other');
    await server.query('CREATE DATABASE shop');
    const before = await seenOn(server.url({database: 'shop'}));
    await server.query('DROP DATABASE shop WITH (FORCE)');
    await server.query('CREATE DATABASE shop');
    const after = await seenOn(server.url({database: 'shop'}));
    await server.query('DROP DATABASE shop WITH (FORCE)');
    expect(compareServers(before.server, after.server)).toBe('other');
  });

  it('works without pg_control_system(), and says how to grant it', async () => {
    const {server: whole} = await seenOn(oncall());
    await refuse();
    const {server: seen, unavailable} = await seenOn(oncall());
    expect(seen).toEqual({...whole, system_identifier: null});
    const lacking = unavailable.find(({section}) => section === 'server');
    expect(lacking).toMatchObject({
      sqlstate: null,
      reason: expect.stringContaining('may not call pg_control_system()'),
      remedy: 'GRANT EXECUTE ON FUNCTION pg_catalog.pg_control_system() TO "oncall";',
    });
    expect(await connection(oncall(), 'act')).toMatchObject({server: seen});
    const {checks} = await examine(await connection(oncall(), 'watch'));
    expect(checks.find(({id}) => id === 'server')).toMatchObject({
      status: 'missing',
      remedy: lacking?.remedy,
    });
    await server.query(lacking?.remedy ?? '');
    expect((await seenOn(oncall())).server).toEqual(whole);
  });
});
