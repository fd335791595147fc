import {counted} from '../../core/text/format.ts';
import {sanitise} from '../../core/text/sanitise.ts';
import {onlyVariant, type SqlEndpoint, writeSqlEndpoint} from '../endpoint/sql-endpoint.ts';
import type {CaptureLog} from './capture-log.ts';
import {fold, timelineOf} from './fold.ts';
import {unitsOf} from './units.ts';

export type Captured = {
  endpoint: SqlEndpoint;
  statements: number;
  connections: number;
  /** What the file does not show. */
  notes: string[];
};

/** Converts the captured statements to an endpoint. */
export function toEndpoint(log: CaptureLog, route: string): Captured {
  const {notes, opened} = log;
  const {units, statements, skipped} = unitsOf(log.statements);
  const {body, maxAtOnce, pauses} = timelineOf(units);
  return {
    endpoint: {route, samples: [{}], setup: [], variants: [{name: onlyVariant, body: fold(body)}]},
    statements,
    connections: new Set(units.map(({connection}) => connection)).size,
    notes: [
      ...notes,
      ...[...skipped].map(([reason, count]) => `${counted(count, 'statement')} skipped: ${reason}`),
      ...(maxAtOnce > 1 ? [parallelNote(maxAtOnce)] : []),
      ...(opened > 0 ? [openedNote(opened)] : []),
      ...(pauses > 0 ? [`${counted(pauses, 'pause')} of more than 5 s skipped`] : []),
    ],
  };
}

/** The text of the endpoint file. */
export function endpointFileText({endpoint, statements, connections, notes}: Captured, from: string): string {
  return [
    `-- Captured from ${from}: ${extentText({statements, connections})}.`,
    '-- It contains the values that the application sent, parameters and literals: protect it like the data.',
    ...notes.map(note => `-- Note: ${note}.`),
  ]
    .map(sanitise)
    .concat('', writeSqlEndpoint(endpoint))
    .join('\n');
}

/** `14 statements on 1 connection`. */
export function extentText({statements, connections}: Pick<Captured, 'statements' | 'connections'>): string {
  return `${counted(statements, 'statement')} on ${counted(connections, 'connection')}`;
}

function openedNote(opened: number): string {
  return (
    `${counted(opened, 'connection')} opened during the request, which delayed its statements; ` +
    'send a second request in the same capture to use open connections'
  );
}

function parallelNote(maxAtOnce: number): string {
  return (
    `at most ${maxAtOnce} statements ran at the same time; a capture does not see statements that wait in the application's pool, ` +
    'so capture with a higher connection_limit'
  );
}
