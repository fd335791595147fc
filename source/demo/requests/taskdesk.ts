import type {Random} from '../../core/random.ts';
import {incidentDay, rowCounts} from '../rows.ts';
import type {Request} from './prisma-sql.ts';
import {count, findMany, groupBy, type Query, tagged, type Where} from './prisma-sql.ts';

const openStatuses = ['PENDING', 'IN_PROGRESS', 'ASSISTANCE_REQUIRED'];
const taskTypes = ['TEXT_CLUB', 'WOD_IVCS', 'EMAIL_REQUESTS', 'YOTPO', 'HOLDS'];
const today = incidentDay.slice(0, 10);

/** Requests to the task desk during the incident: the manager's dashboard queries each agent separately. */
export const taskdeskRequests: Request[] = [
  {
    route: '/api/manager/agents',
    weight: 3,
    async run(send, random) {
      const tag = (query: Query) => tagged(query, {route: '/api/manager/agents'});
      await send(tag(findMany('User', ['id', 'name', 'email', 'isLive', 'lastSeen'], {role: 'AGENT'})));
      for (const assignedToId of someAgents(random, 2)) {
        const open = {assignedToId, status: ['IN', openStatuses]};
        await Promise.all(taskTypes.map(taskType => send(tag(count('Task', {...open, taskType})))));
      }
    },
  },
  {
    route: '/api/manager/dashboard/agent-progress',
    weight: 2,
    async run(send, random) {
      const tag = (query: Query) => tagged(query, {route: '/api/manager/dashboard/agent-progress'});
      for (const assignedToId of someAgents(random, 1)) {
        const each: Where[] = taskTypes.flatMap(taskType => [
          {assignedToId, taskType, status: 'IN_PROGRESS'},
          {assignedToId, taskType, status: 'PENDING'},
          {assignedToId, taskType, endTime: ['>=', today]},
        ]);
        await Promise.all(each.map(where => send(tag(count('Task', where)))));
      }
    },
  },
  {
    route: '/api/manager/dashboard/metrics',
    weight: 3,
    async run(send) {
      await Promise.all(
        [
          count('RawMessage', {status: 'READY'}),
          count('RawMessage', {status: 'SPAM_REVIEW'}),
          ...openStatuses.map(status => count('Task', {status})),
          count('Task', {status: 'COMPLETED', endTime: ['>=', today]}),
          count('Task', {status: 'COMPLETED'}),
        ].map(send),
      );
    },
  },
  {
    route: '/api/agent/tasks',
    weight: 4,
    async run(send, random) {
      const [assignedToId] = someAgents(random, 1);
      const where = {assignedToId, status: ['IN', openStatuses]};
      await send(
        findMany('Task', ['id', 'brand', 'taskType', 'status', 'createdAt'], where, {orderBy: 'createdAt'}),
      );
    },
  },
];

/** The requests after the fix: one groupBy for all agents. */
export const calmTaskdeskRequests: Request[] = [
  {
    route: '/api/manager/agents',
    weight: 1,
    async run(send) {
      const where = {taskType: 'HOLDS', status: ['IN', openStatuses]};
      await send(groupBy('Task', ['assignedToId', 'taskType'], where));
    },
  },
  {
    route: '/api/agent/tasks',
    weight: 6,
    async run(send, random) {
      const [assignedToId] = someAgents(random, 1);
      const where = {assignedToId, status: 'IN_PROGRESS'};
      const page = {orderBy: 'createdAt', take: 20};
      await send(findMany('Task', ['id', 'brand', 'taskType', 'status', 'createdAt'], where, page));
    },
  },
];

function someAgents(random: Random, n: number): string[] {
  return Array.from({length: n}, () => `agent_${1 + random.below(rowCounts.agents)}`);
}
