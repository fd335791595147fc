import {compareServers, serverDifference} from '../../core/server/server-identity.ts';
import type {DoctorCheck, DoctorReport, Target} from '../../model/target.ts';
import {type Connection, connect} from '../connect/connect.ts';
import {toAbortError} from '../connect/errors.ts';
import {poolerInBetween} from '../connect/pooler.ts';
import type {ConnectionRequest} from '../connect/request.ts';
import {readTarget} from './capabilities.ts';
import {checkTarget} from './doctor-checks.ts';
import {readDoctorFacts} from './doctor-facts.ts';
import {readServerProof} from './server-proof.ts';

/**
 * What poolctl can see and do over this connection. Where a rescue URL is set, opens a second connection briefly to
 * test it. Throws AbortError (exit 3) if the server does not answer.
 */
export async function examine(connection: Connection): Promise<DoctorReport> {
  const {client, request} = connection;
  const started = performance.now();
  try {
    await client.query('SELECT');
    const round_trip_ms = performance.now() - started;
    const [{target, unavailable, is_own_session}, facts] = await Promise.all([
      readTarget(connection),
      readDoctorFacts(client),
    ]);
    return {
      schema_version: 1,
      target,
      connection: {
        source: request.source,
        route: connection.route,
        is_encrypted: connection.is_encrypted,
        is_pooled: connection.is_pooled,
        round_trip_ms: Math.round(round_trip_ms * 100) / 100,
        ignored_parameters: request.ignoredParameters,
        warnings: request.warnings,
      },
      checks: [
        ...pooler(connection.is_pooled || !is_own_session),
        ...checkTarget({target, facts, unavailable}),
        ...(await rescue(request, target)),
      ],
    };
  } catch (error) {
    throw toAbortError(error, request);
  }
}

function pooler(is_pooled: boolean): DoctorCheck[] {
  if (!is_pooled) return [];
  const {section: id, reason: detail, remedy} = poolerInBetween;
  return [{id, status: 'missing', detail, remedy, needs_restart: false, note: null}];
}

/** Checks that the rescue URL works and leads to the same server. */
async function rescue({rescue: request}: ConnectionRequest, target: Target): Promise<DoctorCheck[]> {
  if (request === null) return [];
  const found = {id: 'rescue', needs_restart: false, note: null};
  try {
    const connection = await connect(request, {purpose: 'watch'});
    const {server} = await readServerProof(connection.client, connection.marker, request.connect_timeout_ms);
    await connection.close();
    const isOther = target.server !== undefined && compareServers(target.server, server) === 'other';
    const works = `the rescue URL (${request.source}) works`;
    if (!isOther || target.server === undefined)
      return [{...found, status: 'ok', detail: works, remedy: null}];
    const detail = `${works}, but ${serverDifference(target.server, server)}: poolctl changes nothing through it`;
    return [{...found, status: 'missing', detail, remedy: `Set it to ${target.id} with another role.`}];
  } catch (error) {
    const {message, hint} = toAbortError(error, request);
    const detail = `the rescue URL (${request.source}) does not work: ${message}`;
    return [{...found, status: 'missing', detail, remedy: hint ?? 'Correct the address.'}];
  }
}
