import {expect, it, vi} from 'vitest';
import {createEffects} from '../../source/console/effects.ts';
import type {ConsolePorts, PastPort} from '../../source/console/ports.ts';
import type {Message} from '../../source/console/state/update.ts';
import type {Recording} from '../../source/model/ports.ts';
import {exampleServer} from '../helpers/identity.ts';
import {createPlan} from './played.ts';

vi.mock('../../source/console/format-sql.ts', () => {
  throw new Error('Cannot find module');
});

/** Effects on these ports, and the messages that they have dispatched. */
function createPerformed(ports: Partial<ConsolePorts>, onQuit: (isRunning: boolean) => void = () => {}) {
  const dispatched: Message[] = [];
  const effects = createEffects(ports as ConsolePorts, {
    dispatch: message => dispatched.push(message),
    terminal: {write: () => {}, suspend: async () => {}},
    screen: {invalidate: () => {}},
    scroll: () => {},
    quit: onQuit,
    repaint: () => {},
  });
  return {...effects, dispatched};
}

it('shows a statement as it came where an upgrade has taken the formatter away', async () => {
  const {perform, dispatched} = createPerformed({});
  perform({kind: 'format-statement', id: '1', query: 'SELECT 1'});
  await vi.waitFor(() =>
    expect(dispatched).toEqual([{kind: 'statement-formatted', id: '1', lines: ['SELECT 1']}]),
  );
});

it('shows nothing of the past that was requested before the user went back to now', async () => {
  const recording: Recording = {
    times: () => [{at_ms: 1, severity: null}],
    failures: () => [],
    read: async () => [],
  };
  const {perform, dispatched} = createPerformed({past: {recording: async () => recording} as PastPort});
  perform({kind: 'read-past', at_ms: 1, by: 0});
  perform({kind: 'stay-now'});
  await new Promise(resolve => setImmediate(resolve));
  expect(dispatched).toEqual([]);
  perform({kind: 'read-past', at_ms: 1, by: 0});
  await vi.waitFor(() => expect(dispatched).toMatchObject([{kind: 'past-read'}]));
});

it('knows of a run that began before the one before it had closed its connections', async () => {
  const closings: (() => void)[] = [];
  const quit = vi.fn();
  const {perform} = createPerformed(
    {
      async *execute() {
        await new Promise<void>(resolve => closings.push(resolve));
      },
    },
    quit,
  );
  const [plan, server] = [createPlan(1), exampleServer];
  perform({kind: 'execute-plan', plan, server});
  perform({kind: 'execute-plan', plan, server});
  closings[0]?.();
  await new Promise(resolve => setImmediate(resolve));
  perform({kind: 'quit'});
  expect(quit).toHaveBeenCalledWith(true);
});
