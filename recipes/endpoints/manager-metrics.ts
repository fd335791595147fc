import {defineEndpoint} from 'poolctl';
import {countBy} from 'poolctl/kit';
import type {PrismaClient} from '../../source/demo/prisma/generated/taskdesk/client.ts';
import {openStatuses, today} from './shared/demo-application.ts';

export default defineEndpoint<PrismaClient>({
  route: 'GET /api/manager/dashboard/metrics',
  demoDatabase: 'taskdesk',
  samples: [{}],
  variants: [
    {
      name: 'before',
      async run({prisma}) {
        await Promise.all([
          prisma.rawMessage.count({where: {status: 'READY'}}),
          prisma.task.count(),
          prisma.task.count({where: {status: 'PENDING'}}),
          prisma.task.count({where: {status: 'IN_PROGRESS'}}),
          prisma.task.count({where: {status: 'ASSISTANCE_REQUIRED'}}),
          prisma.task.count({where: {status: 'COMPLETED'}}),
          prisma.task.count({where: {status: 'COMPLETED', endTime: {gte: today}}}),
        ]);
      },
    },
    {
      name: 'after',
      async run({prisma}) {
        await Promise.all([
          prisma.rawMessage.count({where: {status: 'READY'}}),
          countBy(
            [...openStatuses, 'COMPLETED'],
            some => prisma.task.groupBy({by: ['status'], where: {status: {in: some}}, _count: true}),
            {by: 'status'},
          ),
          prisma.task.count({where: {status: 'COMPLETED', endTime: {gte: today}}}),
        ]);
      },
    },
  ],
});
