import {defineEndpoint} from 'poolctl';
import type {PrismaClient} from '../../source/demo/prisma/generated/taskdesk/client.ts';
import {agentsOfPage, openStatuses, taskTypes} from './shared/demo-application.ts';

/** Without the kit: `countBy` counts by one column, and here one query groups by two. */
export default defineEndpoint<PrismaClient>({
  route: 'GET /api/manager/agents',
  demoDatabase: 'taskdesk',
  samples: [{}],
  variants: [
    {
      name: 'before',
      async run({prisma}) {
        const agents = await prisma.user.findMany(agentsOfPage);
        for (const agent of agents) {
          for (const taskType of taskTypes) {
            await prisma.task.count({
              where: {assignedToId: agent.id, taskType, status: {in: openStatuses}},
            });
          }
        }
      },
    },
    {
      name: 'after',
      async run({prisma}) {
        const agents = await prisma.user.findMany(agentsOfPage);
        await prisma.task.groupBy({
          by: ['assignedToId', 'taskType'],
          where: {assignedToId: {in: agents.map(agent => agent.id)}, status: {in: openStatuses}},
          _count: {id: true},
        });
      },
    },
  ],
});
