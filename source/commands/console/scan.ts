import {readSnapshot} from '../../cli/connection.ts';
import {scanInProcess} from '../../cli/scan/scan-process.ts';
import type {ScanResult} from '../../console/state/scan.ts';
import type {Connection} from '../../postgres/connect/connect.ts';

/** Scans the source and joins it with the server's statements; without a connection, or without statistics, says why not. */
export async function scanForConsole(directory: string, connection: () => Connection): Promise<ScanResult> {
  const {statements, unjoined} = await readStatements(connection).catch(error => ({
    statements: null,
    unjoined: `cost unknown: ${error instanceof Error ? error.message : error}`,
  }));
  return {...(await scanInProcess({directory, statements})), unjoined};
}

/** The statements on the screen may lack their texts, so all are read once. */
async function readStatements(connection: () => Connection) {
  const {statements, unavailable} = await readSnapshot(connection(), {
    rates_over_ms: null,
    signal: new AbortController().signal,
  });
  const missing = unavailable.find(({section}) => section === 'statements');
  return missing === undefined
    ? {statements, unjoined: null}
    : {statements: null, unjoined: `cost unknown: ${missing.reason}`};
}
