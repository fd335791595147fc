import {defineEndpoint} from 'poolctl';
import type {PrismaClient} from '../../source/demo/prisma/generated/assessments/client.ts';
import {cachedMentorSchoolIds, mentorSchoolIds} from './shared/demo-application.ts';

const page = {orderBy: {assessed_date: 'desc'}, take: 100} as const;

export default defineEndpoint<PrismaClient, {mentor_id: number}>({
  route: 'GET /api/assessments',
  samples: Array.from({length: 5}, (_, index) => ({mentor_id: index + 1})),
  variants: [
    {
      name: 'before',
      async run({prisma, request}) {
        const schools = await mentorSchoolIds(prisma, request.mentor_id);
        const assessments = await prisma.assessment.findMany({
          where: {pilot_school_id: {in: schools}},
          ...page,
        });
        // Checks that each assessment's student still exists, one by one.
        for (const {student_id} of assessments) {
          await prisma.student.findUnique({where: {id: student_id}});
        }
      },
    },
    {
      name: 'after',
      async run({prisma, cache, request}) {
        const schools = await cachedMentorSchoolIds({prisma, cache}, request.mentor_id);
        const where = {pilot_school_id: {in: schools}};
        await Promise.all([
          prisma.assessment.findMany({
            where,
            include: {student: {select: {id: true, name: true}}},
            ...page,
          }),
          prisma.assessment.count({where}),
        ]);
      },
    },
  ],
});
