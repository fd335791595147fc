import {defineEndpoint} from 'poolctl';
import {inBatches} from 'poolctl/kit';
import type {PrismaClient} from '../../source/demo/prisma/generated/assessments/client.ts';

export default defineEndpoint<PrismaClient>({
  route: 'GET /api/administration/stats',
  samples: [{}],
  variants: [
    {
      name: 'before',
      async run({prisma}) {
        await Promise.all([
          prisma.user.count(),
          prisma.user.count({where: {is_active: true}}),
          prisma.pilotSchool.count(),
          prisma.student.count(),
          prisma.assessment.count(),
          prisma.mentoringVisit.count(),
        ]);
      },
    },
    {
      name: 'after',
      async run({prisma}) {
        const counts = [
          () => prisma.user.count(),
          () => prisma.user.count({where: {is_active: true}}),
          () => prisma.pilotSchool.count(),
          () => prisma.student.count(),
          () => prisma.assessment.count(),
          () => prisma.mentoringVisit.count(),
        ];
        await inBatches(counts, 4);
      },
    },
  ],
});
