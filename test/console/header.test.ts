import {expect, it} from 'vitest';
import {drawHeader} from '../../source/console/components/chrome.ts';
import {createTheme} from '../../source/console/screen/theme.ts';
import {createState} from '../../source/console/state/state.ts';

const header = (source: string | null, address: string) => {
  const options = {columns: 80, rows: 24, isProduction: false, interval_ms: 2000, recipes: []};
  const line = drawHeader(createState({...options, address, source}), 80, createTheme({LANG: 'C.UTF-8'}));
  return line.spans.map(({text}) => text).join('');
};

it('shows where the address is from, unless the call names it', () => {
  expect(header('DATABASE_URL', 'ann@db:5432/shop')).toContain('ann@db:5432/shop (DATABASE_URL)');
  expect(header(null, 'ann@db:5432/shop')).not.toContain('(');
});

it("keeps the mark of a folder's .env where a long address is cut off", () => {
  const long = `ann@${'x'.repeat(90)}.rds.amazonaws.com:5432/shop`;
  expect(header('.env', long)).toMatch(/^poolctl \(\.env\) ann@x/);
});
