import type {Statement} from '../../model/snapshot.ts';

/** A page that asks for each of its rows shows as very many calls that take next to nothing and bring next to nothing. */
const suspicious = {
  calls_per_second: 20,
  calls: 50,
  most_mean_exec_time_ms: 2,
  most_rows_per_call: 3,
  /** As often as the median statement of the same role in the same database. */
  times_the_others: 10,
} as const;

/** How many statements look like an N+1 between two readings. It is a suspicion: a busy lookup looks alike. */
export function countSuspects(statements: readonly Statement[]): number {
  return [...byApplication(statements).values()].reduce((count, own) => count + suspectsAmong(own), 0);
}

function byApplication(statements: readonly Statement[]): Map<string, Statement[]> {
  const groups = new Map<string, Statement[]>();
  for (const statement of statements) {
    if ((statement.rates?.calls_per_second ?? 0) === 0 || !statement.toplevel) continue;
    const key = `${statement.userid}/${statement.dbid}`;
    groups.set(key, [...(groups.get(key) ?? []), statement]);
  }
  return groups;
}

/** One statement alone has no others to be compared with. */
function suspectsAmong(statements: readonly Statement[]): number {
  const paces = statements.map(paceOf).sort((a, b) => a - b);
  const median = paces[(paces.length - 1) >> 1] ?? 0;
  if (statements.length < 2) return 0;
  return statements.filter(statement => {
    const {rates} = statement;
    const pace = paceOf(statement);
    return (
      rates !== undefined &&
      pace >= suspicious.calls_per_second &&
      (pace * rates.interval_ms) / 1000 >= suspicious.calls &&
      pace >= median * suspicious.times_the_others &&
      rates.mean_exec_time_ms <= suspicious.most_mean_exec_time_ms &&
      rates.rows_per_second <= pace * suspicious.most_rows_per_call
    );
  }).length;
}

function paceOf({rates}: Statement): number {
  return rates?.calls_per_second ?? 0;
}
