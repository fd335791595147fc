import {counted} from '../../core/text/format.ts';
import {sanitise} from '../../core/text/sanitise.ts';
import {onlyVariant, type SqlEndpoint, writeSqlEndpoint} from '../endpoint/sql-endpoint.ts';
import {fold} from './fold.ts';
import {timelineOf} from './overlap.ts';
import type {Recording} from './recording.ts';
import {unitsOf} from './units.ts';

export type Captured = {
  endpoint: SqlEndpoint;
  statements: number;
  connections: number;
  /** What the file cannot say, in words. */
  notes: string[];
};

/** What was recorded, as the endpoint that a replay reads. */
export function toEndpoint(recording: Recording, route: string): Captured {
  const {notes, opened} = recording;
  const {units, statements, leftOut} = unitsOf(recording.statements);
  const {body, mostAtOnce, pauses} = timelineOf(units);
  return {
    endpoint: {route, samples: [{}], setup: [], variants: [{name: onlyVariant, body: fold(body)}]},
    statements,
    connections: new Set(units.map(({connection}) => connection)).size,
    notes: [
      ...notes,
      ...[...leftOut].map(([reason, count]) => `${count} left out: ${reason}`),
      ...(mostAtOnce > 1 ? [parallelNote(mostAtOnce)] : []),
      ...(opened > 0 ? [openedNote(opened)] : []),
      ...(pauses > 0 ? [`${pauses} times the application paused for more than 5 s, which is left out`] : []),
    ],
  };
}

/** The file's text. */
export function endpointFileText({endpoint, statements, connections, notes}: Captured, from: string): string {
  return [
    `-- Captured from ${from}: ${extentText({statements, connections})}.`,
    '-- It holds the values that the application sent, parameters and literals: keep it as you keep the data.',
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
    `${opened} of the connections opened meanwhile, which held up what was to run on them; ` +
    'a second request in the same capture finds them open'
  );
}

function parallelNote(mostAtOnce: number): string {
  return (
    `at most ${mostAtOnce} ran at once; what waited in the application's own pool is not seen here, ` +
    'so capture with a connection_limit beyond that'
  );
}
