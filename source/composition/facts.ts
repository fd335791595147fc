import type {FactNeeds, Facts} from '../core/facts.ts';
import type {Connection} from '../postgres/connect.ts';

type Readers = {
  [Name in keyof FactNeeds]-?: (
    connection: Connection,
    need: NonNullable<FactNeeds[Name]>,
  ) => Promise<NonNullable<Facts[Name]>>;
};

/** Who reads which fact; each is loaded when it is asked for. */
const readers: Readers = {
  catalog: async connection => (await import('../postgres/facts/catalog.ts')).readCatalog(connection),
  answers: async (connection, queries) =>
    (await import('../postgres/facts/answers.ts')).readAnswers(connection, queries),
};

/** The facts asked for, one after the other on one connection. Throws what a reader throws. */
export async function gatherFacts(connection: Connection, needs: FactNeeds): Promise<Facts> {
  const facts: Record<string, unknown> = {};
  for (const name of Object.keys(needs) as (keyof FactNeeds)[]) {
    const need = needs[name];
    if (need !== undefined) facts[name] = await (readers[name] as Reader)(connection, need);
  }
  return facts as Facts;
}

type Reader = (connection: Connection, need: unknown) => Promise<unknown>;
