import {defineEndpoint} from 'poolctl';
import type {PrismaClient} from '../../source/demo/prisma/generated/assessments/client.ts';

/** The demo's students with the most assessments. */
const oftenAssessed = [1, 2, 3, 4, 5];

/** Without the kit: one query, whose fix is `take` and `select`. */
export default defineEndpoint<PrismaClient, {student_id: number}>({
  route: 'GET /api/students/[id]/assessment-history',
  samples: oftenAssessed.map(student_id => ({student_id})),
  variants: [
    {
      name: 'before',
      async run({prisma, request: {student_id}}) {
        await prisma.assessment.findMany({
          where: {student_id},
          include: {added_by: true, pilot_school: true},
          orderBy: [{assessed_date: 'desc'}, {created_at: 'desc'}],
        });
      },
    },
    {
      name: 'after',
      async run({prisma, request: {student_id}}) {
        await prisma.assessment.findMany({
          where: {student_id},
          include: {
            added_by: {select: {name: true, role: true}},
            pilot_school: {select: {school_name: true}},
          },
          orderBy: [{assessed_date: 'desc'}, {created_at: 'desc'}],
          take: 50,
        });
      },
    },
  ],
});
