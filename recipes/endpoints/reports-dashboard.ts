import {defineEndpoint} from 'poolctl';
import {inBatches} from 'poolctl/kit';
import type {PrismaClient} from '../../source/demo/prisma/generated/assessments/client.ts';
import {monthsBefore} from './shared/demo-application.ts';

/** The user's schools: about 4, with 600 students and 2000 assessments. */
type Region = {province: string; district: string};

export default defineEndpoint<PrismaClient, Region>({
  route: 'GET /api/reports/dashboard',
  samples: Array.from({length: 24}, (_, index) => ({province: 'Kandal', district: `District ${index}`})),
  variants: [
    {
      name: 'before',
      async run({prisma, request}) {
        await Promise.all([
          prisma.student.count(),
          prisma.assessment.count(),
          prisma.pilotSchool.count(),
          prisma.user.count({where: {role: 'teacher'}}),
          prisma.assessment.findMany({orderBy: {assessed_date: 'desc'}, take: 10}),
          // All students with all their assessments.
          prisma.student.findMany({
            where: {is_active: true, pilot_school: request},
            include: {assessments: true},
          }),
          prisma.assessment.count({where: {assessment_type: 'baseline'}}),
          prisma.assessment.count({where: {assessment_type: 'midline'}}),
          prisma.assessment.count({where: {assessment_type: 'endline'}}),
        ]);
        for (let month = 5; month >= 0; month--) {
          const where = {
            assessed_date: {gte: monthsBefore(month), lt: monthsBefore(month - 1)},
            pilot_school: request,
          };
          await prisma.assessment.count({where});
          await prisma.assessment.findMany({where, select: {level: true, subject: true}});
        }
      },
    },
    {
      name: 'after',
      async run({prisma, request}) {
        const queries = [
          () => prisma.student.count(),
          () => prisma.assessment.count(),
          () => prisma.pilotSchool.count(),
          () => prisma.user.count({where: {role: 'teacher'}}),
          () => prisma.assessment.findMany({orderBy: {assessed_date: 'desc'}, take: 10}),
          () => prisma.assessment.count({where: {assessment_type: 'baseline'}}),
          () => prisma.assessment.count({where: {assessment_type: 'midline'}}),
          () => prisma.assessment.count({where: {assessment_type: 'endline'}}),
        ];
        await inBatches(queries, 4);
        await prisma.student.findMany({
          where: {is_active: true, pilot_school: request},
          include: {assessments: {take: 5, orderBy: {assessed_date: 'desc'}}},
          orderBy: {created_at: 'desc'},
          take: 100,
        });
        await prisma.$queryRaw`
          SELECT date_trunc('month', assessed_date) AS month, level, subject, count(*)::integer AS count
          FROM assessments JOIN pilot_schools ON pilot_schools.id = pilot_school_id
          WHERE assessed_date >= ${monthsBefore(5)} AND province = ${request.province}
            AND district = ${request.district}
          GROUP BY 1, 2, 3`;
      },
    },
  ],
});
