import {needsNow, needsPast} from './availability.ts';
import type {Binding} from './keymap.ts';
import type {Command} from './messages.ts';

const minuteMs = 60_000;

/** The keys that go through the time that is kept. */
export const timeBindings: Binding[] = [
  ...(
    [
      [
        ['left', '['],
        {kind: 'step-time', by: -1},
        'earlier',
        'back in time by a reading; the last hour is kept',
      ],
      [['right', ']'], {kind: 'step-time', by: 1}, 'later', 'on by a reading'],
      [['{'], {kind: 'leap-time', by_ms: -minuteMs}, '', 'back by a minute'],
      [['}'], {kind: 'leap-time', by_ms: minuteMs}, '', 'on by a minute'],
    ] satisfies [string[], Command, string, string][]
  ).map(
    ([keys, command, label, help]): Binding => ({
      keys,
      modes: ['browse', 'detail'],
      command,
      label: ({past}) => (past === null ? '' : label),
      help,
    }),
  ),
  {
    keys: ['L'],
    modes: ['browse', 'detail'],
    command: {kind: 'back-to-now'},
    label: ({past}) => (past?.now ? 'now' : ''),
    help: 'back to now',
    disabledBecause: needsPast,
  },
  {
    keys: ['w'],
    modes: ['browse'],
    command: {kind: 'write-out', file: null},
    label: '',
    help: 'write the last hour to a file, for poolctl play and report',
    disabledBecause: needsNow,
  },
];
