import type {Observer} from './proxy.ts';
import type {Recording} from './recording.ts';
import {observeBackend} from './session-backend.ts';
import {observeFrontend} from './session-frontend.ts';
import {createSession} from './session-state.ts';

/**
 * Reads along in one session and keeps what it makes the server run. Messages of authentication (`p`) are passed over
 * unread in the one direction, and all of `R` in the other.
 */
export function observeSession(
  recording: Recording,
  {connection, startup}: {connection: number; startup: ReadonlyMap<string, string>},
): Observer {
  if (startup.has('replication')) {
    recording.notes.add('a replication session was carried and not captured');
    return {fromClient: () => {}, fromServer: () => {}};
  }
  if (recording.statements.length > 0) recording.opened++;
  const session = createSession(connection);
  const fromClient = observeFrontend(session, recording);
  const fromServer = observeBackend(session, recording);
  let isLost = false;
  // What goes by has gone by: a message that we cannot read must not cost the session.
  const guarded = (read: (bytes: Buffer) => void) => (bytes: Buffer) => {
    if (isLost) return;
    session.now_ms = performance.now();
    try {
      read(bytes);
    } catch (error) {
      isLost = true;
      const reason = error instanceof Error ? error.message : String(error);
      recording.notes.add(`a connection could not be read on (${reason}); what it sent later is missing`);
    }
  };
  return {fromClient: guarded(fromClient), fromServer: guarded(fromServer)};
}
