import {createHash} from 'node:crypto';
import {execute} from '../../source/core/engine/execute.ts';
import {openJournal} from '../../source/journal/journal-file.ts';
import {ownProcess} from '../../source/journal/lock.ts';
import {exampleServer} from '../helpers/identity.ts';

/** Executes a step that never ends: `act-process.ts FILE`. Prints `acting` when the step has started. */
const journal = openJournal(process.argv[2] ?? '');
const run = execute(
  {
    recipe: 'kill-idle-sessions',
    params: {},
    explanation: [],
    steps: [
      {
        kind: 'sql',
        title: 'terminate 4711',
        subject: 'backend:4711',
        apply: {text: 'SELECT 1', values: []},
        undo: 'irreversible',
        verify: {query: {text: 'SELECT 1', values: []}, expect: {column: 'remaining', op: '=', value: 0}},
        lock: 'none',
        transaction: false,
        timeout_ms: 1000,
      },
    ],
    skipped: [],
    batch_size: 1,
    pause_ms: 0,
    slots_freed: 1,
    watch_groups: [],
  },
  {run: 'killed', actor: 'me@here', target: 'db:5432/shop', server: exampleServer, process: ownProcess()},
  {
    executor: {
      bind: () => {},
      apply: () => {
        process.stdout.write('acting\n');
        return new Promise(() => setInterval(() => {}, 1000));
      },
      verify: async () => true,
      read: async () => [],
      cancel: async () => {},
      close: async () => {},
    },
    journal,
    clock: {now: () => new Date(), sleep: async () => {}},
    sha256: text => createHash('sha256').update(text).digest('hex'),
    slots: async () => ({used: 1, headroom: 1, groups: []}),
  },
);
for await (const _ of run);
