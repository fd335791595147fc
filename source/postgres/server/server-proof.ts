import type {ServerIdentity} from '../../model/target.ts';
import type {PgClient} from '../connect/client.ts';
import {oldestVersionNum, pickVariant, type Query} from '../queries/query.ts';

export type ServerProof = {
  server: ServerIdentity;
  /** Whether this very backend answers, and took the startup options: false behind a pooler. */
  is_own_session: boolean;
  /** The server's own refusal where pg_control_system() may be called and fails all the same. */
  refusal: {sqlstate: string; message: string} | null;
};

/** What the connection's server says of itself, in one round trip. Throws the server's errors. */
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

/** Who answers on this connection: the marker is in its startup options, the pid in the protocol's key data. */
export const serverProofQuery: Query = {
  name: 'poolctl_server_proof',
  versioned_by: 'server',
  variants: [
    {
      floor: 130_000,
      text: `
SELECT /* poolctl */ pg_backend_pid() AS backend_pid, current_setting('poolctl.marker', true) AS marker,
  d.oid::text AS database_oid, pg_is_in_recovery() AS is_in_recovery,
  to_char(pg_postmaster_start_time() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS started_at
FROM pg_database d WHERE d.datname = current_database()`,
    },
  ],
};

export type ServerProofRow = {
  backend_pid: number;
  marker: string | null;
  database_oid: string;
  is_in_recovery: boolean;
  started_at: string;
};

/**
 * Apart from the proof, as a service may not have the function at all. The text is a query of its own because
 * PostgreSQL checks the privilege of every function in a plan, of those in a CASE that is not reached as well; the
 * refusal would be an ERROR in the server's log at each connection.
 */
export const systemIdentifierQuery: Query = {
  name: 'poolctl_system_identifier',
  versioned_by: 'server',
  variants: [
    {
      floor: 130_000,
      text: `
SELECT /* poolctl */ CASE WHEN has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE')
  THEN substring(query_to_xml('SELECT system_identifier FROM pg_catalog.pg_control_system()',
    false, false, '')::text from '>([0-9]+)<') END AS system_identifier`,
    },
  ],
};

export type SystemIdentifierRow = {system_identifier: string | null};
