import type {PgClient} from '../connect/client.ts';

/** Runs one reading query; rows are arrays in the order of its columns. */
export type Run = <Row>(query: {name: string; text: string}, values?: readonly unknown[]) => Promise<Row[]>;

/**
 * As prepared statements where the connection is ours alone: planned once, not at every refresh. A pooler that
 * did not say so gives itself away when a statement it was told of is gone (26000), is there already (42P05) or
 * is refused (08P01): from then on each is sent whole. 0A000 is a plan that an upgraded extension has outdated.
 */
export function createRun(client: PgClient, options: {is_pooled: boolean}): Run {
  let isPrepared = !options.is_pooled;
  /** Names by text: an extension that moved to another schema makes other texts of the same queries. */
  const names = new Map<string, string>();
  const nameOf = (name: string, text: string) => {
    const known = names.get(text) ?? `${name}_${names.size}`;
    names.set(text, known);
    return known;
  };
  return async <Row>({name, text}: {name: string; text: string}, values: readonly unknown[] = []) => {
    const unnamed = {text, values, rowMode: 'array'} as const;
    if (!isPrepared) return (await client.query<Row>(unnamed)).rows;
    try {
      return (await client.query<Row>({...unnamed, name: nameOf(name, text)})).rows;
    } catch (error) {
      if (!unpreparable.has((error as {code?: string}).code ?? '')) throw error;
      isPrepared = false;
      return (await client.query<Row>(unnamed)).rows;
    }
  };
}

const unpreparable = new Set(['26000', '42P05', '08P01', '0A000']);
