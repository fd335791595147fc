import type {ServerIdentity} from '../../source/model/target.ts';
import {connect} from '../../source/postgres/connect/connect.ts';
import type {ConnectionRequest} from '../../source/postgres/connect/request.ts';

/** A server's identity for tests without a server. */
export const exampleServer: ServerIdentity = {
  system_identifier: '7712856363365028086',
  database_oid: '16384',
  is_in_recovery: false,
  started_at: '2026-11-27T14:21:51.935430Z',
};

/** The identity of the server at a URL. */
export async function serverAt(request: ConnectionRequest): Promise<ServerIdentity> {
  const {server, close} = await connect(request, {purpose: 'act'});
  await close();
  if (server === null) throw new Error('a connection that acts knows its server');
  return server;
}
