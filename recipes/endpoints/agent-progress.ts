import {defineEndpoint} from 'poolctl';
import type {Prisma, PrismaClient} from '../../source/demo/prisma/generated/taskdesk/client.ts';
import {agentsOfPage, taskTypes, today} from './shared/demo-application.ts';

/** Without the kit: `countBy` counts by one column, and here each of four queries groups by two. */
export default defineEndpoint<PrismaClient>({
  route: 'GET /api/manager/dashboard/agent-progress',
  demoDatabase: 'taskdesk',
  samples: [{}],
  variants: [
    {
      name: 'before',
      async run({prisma}) {
        const agents = await prisma.user.findMany(agentsOfPage);
        // Sixteen statements per agent, all at the same time.
        await Promise.all(
          agents.flatMap(({id: assignedToId}) => [
            ...taskTypes.flatMap(taskType => [
              prisma.task.count({where: {assignedToId, taskType, status: 'PENDING'}}),
              prisma.task.count({where: {assignedToId, taskType, status: 'IN_PROGRESS'}}),
              prisma.task.count({where: {assignedToId, taskType, endTime: {gte: today}}}),
            ]),
            prisma.task.count({where: {assignedToId, status: 'ASSISTANCE_REQUIRED'}}),
          ]),
        );
      },
    },
    {
      name: 'after',
      async run({prisma}) {
        const agents = await prisma.user.findMany(agentsOfPage);
        const mine = {assignedToId: {in: agents.map(agent => agent.id)}};
        const counted = (where: Prisma.TaskWhereInput) =>
          prisma.task.groupBy({
            by: ['assignedToId', 'taskType'],
            where: {...mine, ...where},
            _count: {id: true},
          });
        await Promise.all([
          counted({status: 'PENDING'}),
          counted({status: 'IN_PROGRESS'}),
          counted({endTime: {gte: today}}),
          counted({status: 'ASSISTANCE_REQUIRED'}),
        ]);
      },
    },
  ],
});
