import type {ServerIdentity} from '../../model/target.ts';
import type {PgClient} from '../connect/client.ts';
import {pickVariant, type Query} from '../queries/query.ts';
import {
  type ServerProofRow,
  type SystemIdentifierRow,
  serverProofQuery,
  systemIdentifierQuery,
} from '../queries/server-proof.ts';
import {oldestVersionNum} from './server-version.ts';

export type ServerProof = {
  server: ServerIdentity;
  /** Whether this very backend answers, and took the startup options: false behind a pooler. */
  is_own_session: boolean;
  /** The server's own refusal where pg_control_system() may be called and fails all the same. */
  refusal: {sqlstate: string; message: string} | null;
};

/** What the connection's server says of itself, in one round trip. Throws what the server answers. */
export async function readServerProof(
  client: PgClient,
  marker: string,
  query_timeout?: number,
): Promise<ServerProof> {
  const patience = query_timeout === undefined ? {} : {query_timeout};
  const ask = <Row>(query: Query) =>
    client.query<Row>({text: pickVariant(query, oldestVersionNum).text, ...patience});
  const [proof, identifier] = await Promise.all([
    ask<ServerProofRow>(serverProofQuery),
    ask<SystemIdentifierRow>(systemIdentifierQuery).then(
      ({rows}) => ({value: rows[0]?.system_identifier ?? null, refusal: null}),
      (error: Error & {code?: string}) => ({
        value: null,
        refusal: {sqlstate: error.code ?? '', message: error.message},
      }),
    ),
  ]);
  const [row] = proof.rows;
  if (row === undefined) throw new Error('the database of this session is not in pg_database');
  const {backend_pid, marker: echoed, database_oid, is_in_recovery, started_at} = row;
  return {
    server: {system_identifier: identifier.value, database_oid, is_in_recovery, started_at},
    is_own_session: echoed === marker && backend_pid === client.processID,
    refusal: identifier.refusal,
  };
}
