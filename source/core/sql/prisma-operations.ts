/**
 * What a Prisma 8 migration executes, without its checks: `execute` of each operation in its ops.json (release candidate 13).
 * null if the text is not one.
 */
export function readPrismaOperations(text: string): string | null {
  try {
    const operations = JSON.parse(text) as {execute: {sql: string}[]}[];
    const statements = operations.flatMap(({execute}) => execute.map(({sql}) => sql.replace(/;\s*$/, '')));
    return statements.map(sql => `${sql};`).join('\n');
  } catch {
    return null;
  }
}
