import {expect} from 'vitest';
import {scanColumns, scanRows} from '../../source/console/rows/scan.ts';
import {formatCount, formatMs} from '../../source/core/text/format.ts';
import {rowsOf} from '../console/played.ts';
import {shapedStatement} from './load.ts';
import {printedCells, rowsAt, type Seen} from './seen.ts';

/** An application whose endpoint sends the statement that the load has sent. */
export const source = {
  'prisma/schema.prisma': 'model Order {\n  id Int @id\n  state Int\n  @@map("orders")\n}',
  'app/orders/route.ts':
    "import {PrismaClient} from '@prisma/client'; const prisma = new PrismaClient(); export async function GET() { return Response.json(await prisma.order.findMany({where: {id: 1}})); }",
};

/** What the endpoint's statement has cost on the server; what the source says has tests of its own (test/scan/). */
export function expectScan(seen: Seen): void {
  const {state} = seen;
  const statements = rowsAt(seen, 'view.statements', 3).filter(
    ({query, usename}) => query === shapedStatement && seen.sees(usename),
  );
  const sum = (column: string) => statements.reduce((total, row) => total + Number(row[column]), 0);
  const [printed, ...others] = printedCells(state, scanColumns, scanRows(state));
  expect(others).toEqual([]);
  expect(printed).toMatchObject({
    endpoint: 'GET /orders',
    exec: statements.length === 0 ? '' : formatMs(sum('total_exec_time_ms')),
    calls: statements.length === 0 ? '' : formatCount(sum('calls')),
    ...{conn: '1', seq: '1', queries: '1'},
  });
  expect(rowsOf(state).join('\n')).toContain('1 endpoint with queries in 1 file');
}
