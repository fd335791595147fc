import {changePace, togglePause, travel} from '../state/command-line.ts';
import {backToNow} from '../state/past.ts';
import {needsView, noEffects} from '../state/state.ts';
import {nextWindow, setWindow} from '../state/window.ts';
import {type Binding, inModes, needsNow, needsPast} from './modes.ts';

/** Of which time the screen shows figures, and how often they are read. */
export const timeBindings: Binding[] = [
  {
    keys: ['t'],
    modes: ['browse', 'detail'],
    update: state => noEffects(setWindow(state, nextWindow(state, state.view === 'waits'))),
    label: 'window',
    help: 'window of statement statistics: last snapshot, 1, 5 or 60 minutes, or since the reset; in Waits: everything kept',
    disabledBecause: state => needsView(state, ({hasWindow}) => hasWindow),
    views: ['statements', 'waits'],
  },
  {
    keys: ['p'],
    modes: ['browse', 'detail'],
    update: togglePause,
    label: ({past, isPaused}) =>
      past === null ? (isPaused ? 'resume' : 'pause') : past.isPlaying ? 'stop' : 'play',
    help: 'pause the screen, the charts continue; in the past: play or stop',
  },
  {
    keys: ['left', '['],
    modes: ['browse', 'detail'],
    update: state => travel(state, {by: -1}),
    label: ({past}) => (past === null ? '' : 'earlier'),
    help: 'back by one snapshot; the last hour is kept',
  },
  {
    keys: ['right', ']'],
    modes: ['browse', 'detail'],
    update: state => travel(state, {by: 1}),
    label: ({past}) => (past === null ? '' : 'later'),
    help: 'forward by one snapshot',
  },
  ...inModes(
    ['browse', 'detail'],
    [
      [['{'], 'back by one minute', state => travel(state, {by_ms: -60_000})],
      [['}'], 'forward by one minute', state => travel(state, {by_ms: 60_000})],
      [
        ['ctrl-r'],
        'refresh everything; after a refused login, read the password again and reconnect',
        state => ({state, effects: [{kind: 'refresh'}]}),
      ],
    ],
  ),
  {
    keys: ['L'],
    modes: ['browse', 'detail'],
    update: state => backToNow(state),
    label: ({past}) => (past?.now ? 'live' : ''),
    help: 'back to the live view',
    disabledBecause: needsPast,
  },
  ...inModes('browse', [
    [
      ['w'],
      'write the last hour to a file for poolctl play or report',
      state => ({state, effects: [{kind: 'write-out', file: null}]}),
      needsNow,
    ],
    [['+', '='], 'refresh more often; in the past: play faster', state => changePace(state, true)],
    [['-'], 'refresh less often; in the past: play slower', state => changePace(state, false)],
  ]),
];
