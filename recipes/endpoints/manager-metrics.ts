import {defineEndpoint} from 'poolctl';
import type {PrismaClient} from '../../source/demo/prisma/generated/taskdesk/client.ts';
import {today} from './shared/demo-application.ts';

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
          prisma.task.groupBy({by: ['status'], _count: {id: true}}),
          prisma.task.count({where: {status: 'COMPLETED', endTime: {gte: today}}}),
        ]);
      },
    },
  ],
});
