import {defineEndpoint} from 'poolctl';
import type {PrismaClient} from '../../source/demo/prisma/generated/assessments/client.ts';
import {cachedMentorSchoolIds, mentorSchoolIds} from './shared/demo-application.ts';

const page = {orderBy: {created_at: 'desc'}, take: 50} as const;

export default defineEndpoint<PrismaClient, {mentor_id: number}>({
  route: 'GET /api/students',
  samples: Array.from({length: 5}, (_, index) => ({mentor_id: index + 1})),
  variants: [
    {
      name: 'before',
      async run({prisma, request}) {
        const schools = await mentorSchoolIds(prisma, request.mentor_id);
        const students = await prisma.student.findMany({
          where: {pilot_school_id: {in: schools}, is_active: true},
          ...page,
        });
        for (const {id} of students) {
          await prisma.assessment.findFirst({
            where: {student_id: id},
            orderBy: {assessed_date: 'desc'},
          });
        }
      },
    },
    {
      name: 'after',
      async run({prisma, cache, request}) {
        const schools = await cachedMentorSchoolIds({prisma, cache}, request.mentor_id);
        await prisma.student.findMany({
          where: {pilot_school_id: {in: schools}, is_active: true},
          select: {
            id: true,
            name: true,
            gender: true,
            age: true,
            assessments: {select: {level: true, subject: true}, orderBy: {assessed_date: 'desc'}, take: 1},
          },
          ...page,
        });
      },
    },
  ],
});
