import {render} from 'ink-testing-library';
import {describe, expect, it, vi} from 'vitest';
import {App} from '../../source/console/app.tsx';
import type {Line} from '../../source/console/screen/line.ts';
import {createTheme} from '../../source/console/screen/theme.ts';
import {createState} from '../../source/console/state/state.ts';
import {createConsoleStore} from '../../source/console/state/store.ts';

function mount() {
  const frames: Line[][] = [];
  const initial = createState({
    columns: 80,
    rows: 24,
    address: 'db',
    isProduction: false,
    interval_ms: 2000,
    recipes: [],
  });
  const {store, dispatch} = createConsoleStore(initial, () => {});
  const screen = {
    paint: (lines: Line[]) => void frames.push(lines),
    resume: () => {},
    resize: () => {},
    invalidate: () => {},
  };
  const app = render(<App store={store} screen={screen} theme={createTheme({LANG: 'C.UTF-8'})} />);
  return {app, frames, dispatch};
}

describe('app', () => {
  it('paints once for each new state and leaves the drawing to the screen', async () => {
    const {app, frames, dispatch} = mount();
    const before = frames.length;
    dispatch({kind: 'resized', columns: 100, rows: 30});
    await vi.waitFor(() => expect(frames.length - before).toBe(1));
    expect(frames.at(-1)).toHaveLength(30);
    expect(app.lastFrame()).toBe('');
  });
});
