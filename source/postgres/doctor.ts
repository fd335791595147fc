import type {DoctorCheck, DoctorReport} from '../core/server/doctor.ts';
import {readTarget} from './capabilities.ts';
import {type Connection, connect} from './connect.ts';
import {toAbortError} from './connection-errors.ts';
import type {ConnectionRequest} from './connection-request.ts';
import {checkTarget} from './doctor-checks.ts';
import {readDoctorFacts} from './doctor-facts.ts';
import {poolerInBetween} from './pooler.ts';

/**
 * What poolctl can see and do over this connection. Opens one more for a moment where a rescue address is set,
 * to see whether it would work. Throws AbortError (exit 3) when the server does not answer its questions.
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
        way: connection.way,
        is_encrypted: connection.is_encrypted,
        is_pooled: connection.is_pooled,
        round_trip_ms: Math.round(round_trip_ms * 100) / 100,
        stripped: request.stripped,
        warnings: request.warnings,
      },
      checks: [
        ...pooler(connection.is_pooled || !is_own_session),
        ...checkTarget({target, facts, unavailable}),
        ...(await rescue(request)),
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

async function rescue({rescue: request}: ConnectionRequest): Promise<DoctorCheck[]> {
  if (request === null) return [];
  const found = {id: 'rescue', needs_restart: false, note: null};
  try {
    const connection = await connect(request, {purpose: 'watch'});
    await connection.close();
    return [{...found, status: 'ok', detail: `the rescue address (${request.source}) lets in`, remedy: null}];
  } catch (error) {
    const {message, hint} = toAbortError(error, request);
    const detail = `the rescue address (${request.source}) does not let in: ${message}`;
    return [{...found, status: 'missing', detail, remedy: hint ?? 'Correct the address.'}];
  }
}
