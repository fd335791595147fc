import {quoteIdentifier} from '../../core/sql/quote.ts';
import type {Unavailable} from '../../model/snapshot.ts';
import type {PgClient} from '../connect/client.ts';
import {isAboutOneQuery} from '../sqlstate.ts';

/** Parts of a reading that may fail alone. */
type SectionName =
  | 'activity'
  | 'budget'
  | 'names'
  | 'databases'
  | 'statements'
  | 'lock_waits'
  | 'index_hits'
  | 'index_builds';

export type Sections = {
  /** Runs `read` unless it failed lately. A failure of this section is kept as unavailable, and told. */
  attempt(name: SectionName, read: () => Promise<void>): Promise<void>;
  unavailable(): Unavailable[];
  /** The reason it failed for may be gone: it is run again at once. */
  forget(name: SectionName): void;
};

/** A query that was refused is not run again for so long: it would be refused again, and logged each time. */
const restMs = 30_000;

/**
 * Keeps what failed, why and what mends it. Only what the server answers about one query is kept; whatever says
 * that the connection is gone is thrown on.
 */
export function createSections(role: string, now: () => number): Sections {
  const failed = new Map<SectionName, {at_ms: number; unavailable: Unavailable}>();
  return {
    async attempt(name, read) {
      const last = failed.get(name);
      if (last !== undefined && now() - last.at_ms < restMs) return;
      try {
        await read();
        failed.delete(name);
      } catch (error) {
        const code = (error as {code?: unknown}).code;
        if (!isAboutOneQuery(code)) throw error;
        failed.set(name, {at_ms: now(), unavailable: explain(name, code, {error, role})});
      }
    },
    unavailable: () => [...failed.values()].map(({unavailable}) => unavailable),
    forget: name => void failed.delete(name),
  };
}

function explain(
  section: SectionName,
  sqlstate: string,
  context: {error: unknown; role: string},
): Unavailable {
  const reason = context.error instanceof Error ? context.error.message : String(context.error);
  const role = quoteIdentifier(context.role);
  const remedies: Record<string, string> = {
    '42501': `GRANT pg_monitor TO ${role};${section === 'statements' ? ` and USAGE on the extension's schema` : ''}`,
    '57014': 'none needed: the server was too busy to answer in time; it is asked again in 30 s',
    '55000': `shared_preload_libraries = 'pg_stat_statements' and a restart`,
    '42883':
      section === 'statements'
        ? 'ALTER EXTENSION pg_stat_statements UPDATE;'
        : 'report this as a bug of poolctl',
  };
  return {section, sqlstate, reason, remedy: remedies[sqlstate] ?? 'it is asked again in 30 s'};
}

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
