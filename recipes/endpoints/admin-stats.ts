import {defineEndpoint} from 'poolctl';
import {inBatches} from 'poolctl/kit';
import type {PrismaClient} from '../../source/demo/prisma/generated/assessments/client.ts';

/** Active students who are still at a beginner's level. */
const atRisk = {is_active: true, baseline_level: {in: ['beginner', 'letter']}};

export default defineEndpoint<PrismaClient>({
  route: 'GET /api/dashboard/admin-stats',
  samples: [{}],
  variants: [
    {
      name: 'before',
      async run({prisma}) {
        await Promise.all([
          prisma.student.count(),
          prisma.student.count({where: {is_active: true}}),
          prisma.assessment.count(),
          prisma.pilotSchool.count(),
          prisma.mentoringVisit.count(),
          prisma.student.count({where: atRisk}),
        ]);
        await prisma.student.findMany({
          where: atRisk,
          select: {id: true, name: true, assessments: {select: {level: true, assessed_date: true}}},
          take: 10,
        });
      },
    },
    {
      name: 'after',
      async run({prisma}) {
        const counts = [
          () => prisma.student.count(),
          () => prisma.student.count({where: {is_active: true}}),
          () => prisma.assessment.count(),
          () => prisma.pilotSchool.count(),
          () => prisma.mentoringVisit.count(),
          () => prisma.student.count({where: atRisk}),
        ];
        await inBatches(counts, 3);
        await prisma.student.findMany({
          where: atRisk,
          include: {assessments: {take: 5, orderBy: {assessed_date: 'desc'}}},
          take: 10,
        });
      },
    },
  ],
});
