import type {CaptureLog} from './capture-log.ts';
import type {Observer} from './proxy.ts';
import {observeBackend} from './session-backend.ts';
import {observeFrontend} from './session-frontend.ts';
import {createSession} from './session-state.ts';

/** Observes one session and logs the statements it runs. Authentication messages (`p` and `R`) are never read. */
export function observeSession(
  log: CaptureLog,
  {connection, startup}: {connection: number; startup: ReadonlyMap<string, string>},
): Observer {
  if (startup.has('replication')) {
    log.notes.add('a replication session was forwarded but not captured');
    return {fromClient: () => {}, fromServer: () => {}};
  }
  if (log.statements.length > 0) log.opened++;
  const session = createSession(connection);
  const fromClient = observeFrontend(session, log);
  const fromServer = observeBackend(session, log);
  let isUnreadable = false;
  // The bytes are already forwarded, so an unreadable message must not end the session.
  const whileReadable = (read: (bytes: Buffer) => void) => (bytes: Buffer) => {
    if (isUnreadable) return;
    session.now_ms = performance.now();
    try {
      read(bytes);
    } catch (error) {
      isUnreadable = true;
      const reason = error instanceof Error ? error.message : String(error);
      log.notes.add(`a connection became unreadable (${reason}); its later statements are missing`);
    }
  };
  return {fromClient: whileReadable(fromClient), fromServer: whileReadable(fromServer)};
}
