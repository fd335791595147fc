import type {IndexProposal, Served} from '../../model/index-advice.ts';
import type {Measure} from '../../model/step.ts';
import {quoteIdentifier} from '../sql/quote.ts';
import {redactLiterals} from '../sql/shown-sql.ts';

/** More statements than these prove nothing more, and each is planned twice. */
const mostStatements = 3;

/**
 * What an index is to bring, for the record: of the statements it serves the plan and the mean time, of itself the
 * scans. `statements_schema` is where pg_stat_statements lives; null where it is not installed.
 */
export function measuresOf(
  {table_oid, name, serves}: Pick<IndexProposal, 'table_oid' | 'name' | 'serves'>,
  statements_schema: string | null,
): Measure[] {
  const served = [...serves]
    .filter(({query}) => !holdsLiteral(query))
    // By identity, not by cost: counters move between the preview and the act.
    .sort((a, b) => (a.queryid < b.queryid ? -1 : 1))
    .slice(0, mostStatements);
  return [
    scansOf(table_oid, name),
    ...served.map(planOf),
    ...(statements_schema === null ? [] : served.map(each => timeOf(each, statements_schema))),
  ];
}

function scansOf(table_oid: string, name: string): Measure {
  return {
    name: 'idx_scan',
    query: {
      text: 'SELECT idx_scan::text FROM pg_catalog.pg_stat_all_indexes WHERE relid = $1::oid AND indexrelname = $2',
      values: [table_oid, name],
    },
  };
}

function planOf({queryid, query}: Served): Measure {
  return {name: `plan of ${queryid}`, query: {text: query, values: []}, kind: 'plan'};
}

/** Since its counters began: a mean moves slowly, the calls say how far it can have. */
function timeOf({queryid}: Served, schema: string): Measure {
  return {
    name: `time of ${queryid}`,
    query: {
      text: `SELECT pg_catalog.concat(sum(calls), ' calls, mean ', round((sum(total_exec_time) / nullif(sum(calls), 0))::numeric, 3), ' ms') FROM ${quoteIdentifier(schema)}.pg_stat_statements(false) WHERE queryid = $1::int8 AND dbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())`,
      values: [queryid],
    },
  };
}

/** pg_stat_statements leaves some in place (a type's modifier, a utility statement); none is to enter the journal. */
function holdsLiteral(query: string): boolean {
  const marks = (text: string) => text.split('?').length;
  const bare = query.replace(/\/\*[\s\S]*?\*\//g, ' ').replace(/--[^\n]*/g, ' ');
  return marks(redactLiterals(bare)) !== marks(bare);
}
