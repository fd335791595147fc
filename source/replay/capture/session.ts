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
    log.notes.add('a replication session was forwarded and not captured');
    return {fromClient: () => {}, fromServer: () => {}};
  }
  if (log.statements.length > 0) log.opened++;
  const session = createSession(connection);
  const fromClient = observeFrontend(session, log);
  const fromServer = observeBackend(session, log);
  let isLost = false;
  // The bytes are forwarded already: a message that cannot be read must not end the session.
  const whileReadable = (read: (bytes: Buffer) => void) => (bytes: Buffer) => {
    if (isLost) return;
    session.now_ms = performance.now();
    try {
      read(bytes);
    } catch (error) {
      isLost = true;
      const reason = error instanceof Error ? error.message : String(error);
      log.notes.add(
        `a connection could not be read any further (${reason}); its later statements are missing`,
      );
    }
  };
  return {fromClient: whileReadable(fromClient), fromServer: whileReadable(fromServer)};
}
