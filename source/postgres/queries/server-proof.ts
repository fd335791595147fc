import type {Query} from './query.ts';

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
