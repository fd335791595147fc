import type {ReplayResult} from '../../../source/model/replay-report.ts';
import {type Claim, claims, type Figure, type Range} from './claims.ts';
import {
  type EndpointFigures,
  hang_timeout_ms,
  noLimit,
  type PoolSetting,
  type VariantFigures,
} from './measure-endpoint.ts';
import {verdictOf} from './verdict.ts';

export type Measured = {endpoint: string; setting: PoolSetting; figures: EndpointFigures};

/** The teams' own tables beside what was measured, as Markdown; `conditions` is a line on machine and server. */
export function seedsReport(measured: readonly Measured[], conditions: string): string {
  return [
    '# What the seeds claim, and what was measured here',
    `${conditions} Written by \`npm run bench:seeds\`; the endpoints are in \`recipes/endpoints/\`, on the demo's rows with its indexes, so that what differs is what the requests send.`,
    '## Claim by claim',
    'Of one request alone, its pool without a limit. A claim holds where there is at least as much before and no more after; of times, which were another machine’s, where the claimed share is saved.',
    claimsTable(measured),
    '## Why not',
    reasons(measured),
    '## Under load',
    `Ten and a hundred users on one pool set as the teams had it, with Prisma 6's rule that a query gives up after \`pool_timeout\` (emulated by node-postgres). \`conns\` is a request alone / ten users, with ${noLimit} connections to be had. Errors are requests.`,
    loadTable(measured),
    '## The summary’s claims',
    summary(measured),
    '',
  ].join('\n\n');
}

function claimsTable(measured: readonly Measured[]): string {
  const rows = judged(measured).map(({claim, before, after, verdict}) => [
    claim.endpoint,
    names[claim.figure],
    `${range(claim.before, claim.figure)} → ${range(claim.after, claim.figure)}`,
    `${figure(before, claim.figure)} → ${figure(after, claim.figure)}`,
    percent(verdict.reduction_ratio),
    verdict.holds ? 'holds' : '**does not hold**',
  ]);
  return table(['endpoint', 'of one request', 'claimed', 'measured', 'saved', ''], rows);
}

function reasons(measured: readonly Measured[]): string {
  const lines = judged(measured)
    .filter(({verdict}) => !verdict.holds)
    .map(({claim}) => `- **${claim.endpoint}**, ${names[claim.figure]}: ${claim.why ?? 'not known.'}`);
  return lines.length === 0 ? 'Every claim holds.' : lines.join('\n');
}

const heads = [
  'endpoint',
  'variant',
  'queries',
  'conns',
  'alone p50',
  'pool',
  '10 users: req/s',
  'p95',
  'errors',
  '100 users: req/s',
  'p95',
  'errors',
];

function loadTable(measured: readonly Measured[]): string {
  const rows = measured.flatMap(({endpoint, setting, figures}) =>
    (['before', 'after'] as const).map(variant => {
      const {alone, unlimited, ten, hundred} = figures[variant];
      return [
        variant === 'before' ? endpoint : '',
        variant,
        figure(alone.queries_per_request, 'queries'),
        `${alone.peak_in_use} / ${unlimited.peak_in_use}`,
        time(alone.latency_ms.p50),
        `${setting.connection_limit}, ${setting.pool_timeout_ms / 1000} s`,
        ...underLoad(ten),
        ...underLoad(hundred),
      ];
    }),
  );
  return table(heads, rows);
}

function underLoad(result: ReplayResult): string[] {
  const isAnswered = result.requests_per_second > 0;
  return [
    result.requests_per_second.toFixed(1),
    isAnswered ? time(result.latency_ms.p95) : 'none',
    errorsOf(result),
  ];
}

function errorsOf({failures, requests}: ReplayResult): string {
  const counts = new Map<string, number>();
  for (const {kind, sqlstate, count} of failures) {
    const name = kinds[kind] ?? sqlstate ?? kind;
    counts.set(name, (counts.get(name) ?? 0) + count);
  }
  const met = [...counts].map(([name, count]) => `${count} ${name}`);
  return met.length === 0 ? '0' : `${met.join(', ')} of ${requests}`;
}

const kinds: Record<string, string> = {
  pool_timeout: 'pool timeouts',
  too_many_connections: 'too many clients',
  hang: `unanswered when none was for ${hang_timeout_ms / 1000} s`,
};

function summary(measured: readonly Measured[]): string {
  const failed = (variant: 'before' | 'after', users: 'ten' | 'hundred') =>
    measured
      .filter(({figures}) => figures[variant][users].errors.pool_timeout > 0)
      .map(each => each.endpoint);
  const most = (variant: 'before' | 'after', of: (figures: VariantFigures) => number) =>
    Math.max(...measured.map(({figures}) => of(figures[variant])));
  const unlimited = (figures: VariantFigures) => figures.unlimited.peak_in_use;
  const alone = (figures: VariantFigures) => figures.alone.peak_in_use;
  // Nothing is a multiple of none.
  const faster = measured
    .filter(({figures}) => figures.before.hundred.requests_per_second > 0)
    .map(
      ({figures: {before, after}}) => after.hundred.requests_per_second / before.hundred.requests_per_second,
    );
  return [
    `- **95-98 % fewer queries**: ${savedQueries(measured)}.`,
    `- **50+ → 2-3 active connections**: a request alone takes up to ${most('before', alone)} at once before and up to ${most('after', alone)} after; ten users without a limit up to ${most('before', unlimited)} and ${most('after', unlimited)}. How many connections an application holds is its users times what each request takes at once, up to the limit: no mended query brings it to 2-3, a \`connection_limit\` does.`,
    `- **Zero pool errors at 100 users**: pool timeouts at 10 users before: ${listed(failed('before', 'ten'))}; after: ${listed(failed('after', 'ten'))}. At 100 users before: ${listed(failed('before', 'hundred'))}; after: ${listed(failed('after', 'hundred'))}. One connection runs one statement at a time: a hundred users are served within \`pool_timeout\` where all of their statements together take less. Where they do not after the change, the statements are slow themselves: that wants an index, fewer rows or another connection, and not fewer calls.`,
    `- **Ten times the users**: at 100 users, requests a second after are ${times(Math.min(...faster))} to ${times(Math.max(...faster))} those before; the median endpoint ${times(median(faster))}.`,
  ].join('\n');
}

function savedQueries(measured: readonly Measured[]): string {
  return measured
    .map(({endpoint, figures: {before, after}}) => ({
      endpoint,
      saved: 1 - after.alone.queries_per_request / before.alone.queries_per_request,
    }))
    .sort((a, b) => b.saved - a.saved)
    .filter(({saved}) => saved >= 0.005)
    .map(({endpoint, saved}) => `${endpoint} ${percent(saved)}`)
    .join(', ');
}

function judged(measured: readonly Measured[]) {
  return claims.flatMap(claim => {
    const of = measured.find(each => each.endpoint === claim.endpoint);
    if (of === undefined) return [];
    const before = measuredOf(claim, of.figures.before.alone);
    const after = measuredOf(claim, of.figures.after.alone);
    return [{claim, before, after, verdict: verdictOf(claim, {before, after})}];
  });
}

function measuredOf({figure}: Claim, result: ReplayResult): number {
  switch (figure) {
    case 'queries':
      return result.queries_per_request;
    case 'connections':
      return result.peak_in_use;
    case 'rows':
      return result.rows_per_request;
    case 'time_ms':
      return result.latency_ms.p50;
  }
}

const names: Record<Figure, string> = {
  queries: 'queries',
  connections: 'connections at once',
  rows: 'rows',
  time_ms: 'time',
};

function range([least, most]: Range, of: Figure): string {
  if (most === Number.POSITIVE_INFINITY) return `${figure(least, of)}+`;
  return least === most ? figure(least, of) : `${figure(least, of)} - ${figure(most, of)}`;
}

function figure(value: number, of: Figure): string {
  return of === 'time_ms' ? time(value) : String(Math.round(value * 10) / 10);
}

function time(ms: number): string {
  return ms >= 1000 ? `${(ms / 1000).toFixed(1)} s` : `${ms.toFixed(ms < 10 ? 1 : 0)} ms`;
}

function percent(ratio: number): string {
  return `${Math.round(ratio * 100)} %`;
}

function times(ratio: number): string {
  return `${ratio.toFixed(1)} times`;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

function listed(words: readonly string[]): string {
  return words.length === 0 ? 'none' : words.join(', ');
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
