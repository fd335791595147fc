import type {Random} from '../../core/random.ts';
import {rowCounts} from '../rows.ts';
import type {Request, Send} from './prisma-sql.ts';
import {count, findMany, findUnique, type Query, tagged} from './prisma-sql.ts';

const scoreColumns = ['id', 'contestant_id', 'judge_id', 'score', 'created_at'];

/** Requests to the event scoring application during the incident: each reads a rate limit first, and results row by row. */
export const scoringRequests: Request[] = [
  {
    route: '/api/v1/results',
    weight: 4,
    async run(send, random) {
      const tag = (query: Query) => tagged(query, {route: '/api/v1/results'});
      await lookUpRateLimit(send, random, '/api/v1/results');
      const category_id = `category_${1 + random.below(rowCounts.categories)}`;
      const scores = await send(
        tag(findMany('scores', scoreColumns, {category_id}, {orderBy: 'created_at'})),
      );
      for (const {contestant_id, judge_id} of scores) {
        await send(tag(findUnique('contestants', ['id', 'name', 'number'], contestant_id)));
        await send(tag(findUnique('judges', ['id', 'name', 'is_head_judge'], judge_id)));
      }
    },
  },
  {
    route: '/api/v1/judges/[id]/queue',
    weight: 4,
    async run(send, random) {
      const judge_id = `judge_${1 + random.below(rowCounts.judges)}`;
      await lookUpRateLimit(send, random, '/api/v1/scores');
      const assigned = await send(findMany('assignments', ['id', 'category_id', 'status'], {judge_id}));
      for (const {category_id} of assigned.slice(0, 6)) await send(count('scores', {judge_id, category_id}));
    },
  },
  {
    route: '/api/v1/events',
    weight: 4,
    async run(send, random) {
      const tenant_id = anyTenant(random);
      await lookUpRateLimit(send, random, '/api/v1/events');
      const where = {tenant_id, archived: false};
      const events = await send(
        findMany('events', ['id', 'name', 'start_date'], where, {orderBy: 'start_date', take: 8}),
      );
      for (const {id} of events) await send(count('contests', {event_id: id}));
    },
  },
  {
    route: '/api/v1/admin/audit',
    weight: 2,
    async run(send, random) {
      const data = ['@>', JSON.stringify({user_id: `user_${random.below(900)}`})];
      const page = {orderBy: 'created_at', take: 50};
      await send(
        tagged(findMany('audit_logs', ['id', 'action', 'data', 'created_at'], {data}, page), {
          route: '/api/v1/admin/audit',
        }),
      );
    },
  },
];

/** The requests after the fix: one IN instead of one query per row, and indexes. */
export const calmScoringRequests: Request[] = [
  {
    route: '/api/v1/results',
    weight: 3,
    async run(send, random) {
      const category_id = `category_${1 + random.below(rowCounts.categories)}`;
      const scores = await send(findMany('scores', scoreColumns, {category_id}, {take: 100}));
      const id = ['IN', scores.map(({contestant_id}) => contestant_id)];
      if (scores.length > 0) await send(findMany('contestants', ['id', 'name', 'number'], {id}));
    },
  },
  {
    route: '/api/v1/events',
    weight: 3,
    async run(send, random) {
      const where = {tenant_id: anyTenant(random), archived: false};
      await lookUpRateLimit(send, random, '/api/v1/events');
      await send(findMany('events', ['id', 'name', 'start_date'], where, {orderBy: 'start_date', take: 8}));
    },
  },
];

async function lookUpRateLimit(send: Send, random: Random, endpoint: string): Promise<void> {
  const where = {tenant_id: anyTenant(random), user_id: `user_${random.below(900)}`, endpoint};
  await send(findMany('rate_limit_configs', ['id', 'requests_per_minute'], where, {take: 1}));
}

function anyTenant(random: Random): string {
  return `tenant_${1 + random.below(rowCounts.tenants)}`;
}
