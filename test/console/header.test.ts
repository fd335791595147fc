import {expect, it} from 'vitest';
import {open, rowsOf} from './played.ts';

const header = (source: string | null, address: string) => rowsOf(open(80, 24, {address, source}))[0];

it('shows where the address is from, unless the call names it', () => {
  expect(header('DATABASE_URL', 'ann@db:5432/shop')).toContain('ann@db:5432/shop (DATABASE_URL)');
  expect(header(null, 'ann@db:5432/shop')).not.toContain('(');
});

it("keeps the mark of a folder's .env where a long address is cut off", () => {
  const long = `ann@${'x'.repeat(90)}.rds.amazonaws.com:5432/shop`;
  expect(header('.env', long)).toMatch(/^poolctl \(\.env\) ann@x/);
});

it('never cuts the current tab', () => {
  expect(rowsOf(open(40, 10, {view: 'journal'}))[1]).toBe('1 2 3 4 5 6 Journal');
});
