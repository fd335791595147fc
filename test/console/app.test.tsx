import {describe, expect, it} from 'vitest';
import {App} from '../../source/console/app.tsx';
import {createTheme} from '../../source/console/screen/theme.ts';
import {createState} from '../../source/console/state/state.ts';
import {createConsoleStore} from '../../source/console/store.ts';
import {views} from '../../source/console/views/index.ts';
import {renderElement, rowsOfGrid} from './rendered.tsx';

describe('app', () => {
  it('fills the terminal with the state of its store', () => {
    const {store} = createConsoleStore(
      createState({
        columns: 80,
        rows: 24,
        address: 'shop@db:5432/shop',
        isProduction: false,
        interval_ms: 2000,
        recipes: [],
        views,
      }),
      () => {},
    );
    const {grid} = renderElement(<App store={store} theme={createTheme({LANG: 'C.UTF-8'})} />, {
      columns: 80,
      rows: 24,
    });
    const rows = rowsOfGrid(grid);
    expect(rows).toHaveLength(24);
    expect(rows[0]).toContain('poolctl shop@db:5432/shop');
    expect(rows.join('\n')).toContain('connecting to shop@db:5432/shop');
  });
});
