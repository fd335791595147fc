import type {ServerIdentity} from '../../model/target.ts';
import type {PgClient} from '../connect/client.ts';
import {oldestVersionNum, pickVariant, type Query, serverQuery} from '../queries/query.ts';

export type ServerProof = {
  server: ServerIdentity;
  /** This backend answers and applied the startup options; false through a pooler. */
  is_own_session: boolean;
  /** The server's error if the role may call pg_control_system() but the call fails. */
  refusal: {sqlstate: string; message: string} | null;
};

/** The identity of the connection's server, in one round trip. Throws the server's errors. */
export async function readServerProof(
  client: PgClient,
  marker: string,
  query_timeout?: number,
): Promise<ServerProof> {
  const limit = query_timeout === undefined ? {} : {query_timeout};
  const ask = <Row>(query: Query) =>
    client.query<Row>({text: pickVariant(query, oldestVersionNum).text, ...limit});
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
  const {backend_pid, marker: returned, database_oid, is_in_recovery, started_at} = row;
  return {
    server: {system_identifier: identifier.value, database_oid, is_in_recovery, started_at},
    is_own_session: returned === marker && backend_pid === client.processID,
    refusal: identifier.refusal,
  };
}

/** Which session answers: the marker is in its startup options, the pid in the protocol's key data. */
export const serverProofQuery = serverQuery(
  'poolctl_server_proof',
  `
SELECT /* poolctl */ pg_backend_pid() AS backend_pid, current_setting('poolctl.marker', true) AS marker,
  d.oid::text AS database_oid, pg_is_in_recovery() AS is_in_recovery,
  to_char(pg_postmaster_start_time() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS started_at
FROM pg_database d WHERE d.datname = current_database()`,
);

type ServerProofRow = {
  backend_pid: number;
  marker: string | null;
  database_oid: string;
  is_in_recovery: boolean;
  started_at: string;
};

/**
 * A query of its own, as a managed service may not have the function. It runs inside query_to_xml() because PostgreSQL
 * checks the privilege for every function of a plan, also in a CASE that is not reached; that would be an ERROR in the
 * server's log for each connection.
 */
export const systemIdentifierQuery = serverQuery(
  'poolctl_system_identifier',
  `
SELECT /* poolctl */ CASE WHEN has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE')
  THEN substring(query_to_xml('SELECT system_identifier FROM pg_catalog.pg_control_system()',
    false, false, '')::text from '>([0-9]+)<') END AS system_identifier`,
);

type SystemIdentifierRow = {system_identifier: string | null};
