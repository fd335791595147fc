import {defineEndpoint} from 'poolctl';
import {inBatches} from 'poolctl/kit';
import type {PrismaClient} from '../../source/demo/prisma/generated/assessments/client.ts';

const zero = () => 0;

export default defineEndpoint<PrismaClient>({
  route: 'GET /api/dashboard/stats',
  samples: [{}],
  variants: [
    {
      name: 'before',
      async run({prisma}) {
        await Promise.all([
          prisma.student.count().catch(zero),
          prisma.assessment.count().catch(zero),
          prisma.pilotSchool.count().catch(zero),
          prisma.mentoringVisit.count().catch(zero),
        ]);
      },
    },
    {
      name: 'after',
      async run({prisma}) {
        const counts = [
          () => prisma.student.count().catch(zero),
          () => prisma.assessment.count().catch(zero),
          () => prisma.pilotSchool.count().catch(zero),
          () => prisma.mentoringVisit.count().catch(zero),
        ];
        await inBatches(counts, 2);
      },
    },
  ],
});
