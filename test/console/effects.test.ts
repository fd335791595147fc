import {expect, it, vi} from 'vitest';
import {createEffects} from '../../source/console/effects.ts';
import type {ConsolePorts} from '../../source/console/ports.ts';
import type {Message} from '../../source/console/state/update.ts';

vi.mock('../../source/console/format-sql.ts', () => {
  throw new Error('Cannot find module');
});

it('shows a statement as it came where an upgrade has taken the formatter away', async () => {
  const told = await new Promise<Message>(resolve => {
    const effects = createEffects({} as ConsolePorts, {
      dispatch: resolve,
      terminal: {write: () => {}, suspend: async () => {}},
      screen: {invalidate: () => {}},
      scroll: () => {},
      quit: () => {},
      repaint: () => {},
    });
    effects.perform({kind: 'format-statement', id: '1', query: 'SELECT 1'});
  });
  expect(told).toEqual({kind: 'statement-formatted', id: '1', lines: ['SELECT 1']});
});
