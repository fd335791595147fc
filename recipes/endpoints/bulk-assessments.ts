import {defineEndpoint} from 'poolctl';
import {existsMany} from 'poolctl/kit';
import type {PrismaClient} from '../../source/demo/prisma/generated/assessments/client.ts';
import {levels} from './shared/demo-application.ts';

/** A class of 100 students. No two samples share a student. */
type Class = {first_student_id: number};

export default defineEndpoint<PrismaClient, Class>({
  route: 'POST /api/assessments/bulk',
  isWriting: true,
  samples: Array.from({length: 600}, (_, index) => ({first_student_id: index * 100 + 1})),
  variants: [
    {
      name: 'before',
      async run({prisma, request}) {
        for (const assessment of assessmentsOf(request)) {
          const {student_id, assessed_date} = assessment;
          const student = await prisma.student.findUnique({where: {id: student_id}});
          if (student === null) continue;
          const existing = await prisma.assessment.findFirst({
            where: {student_id, assessment_type: 'endline', subject: 'math', assessed_date},
          });
          if (existing !== null) continue;
          await prisma.assessment.create({data: assessment});
          await prisma.student.update({
            where: {id: student_id},
            data: {endline_level: assessment.level},
          });
        }
      },
    },
    {
      name: 'after',
      async run({prisma, request}) {
        const sent = assessmentsOf(request);
        const ids = sent.map(assessment => assessment.student_id);
        const known = await existsMany(ids, some =>
          prisma.student.findMany({where: {id: {in: some}}, select: {id: true}}),
        );
        const where = {
          assessment_type: 'endline',
          subject: 'math',
          assessed_date: sent[0]?.assessed_date ?? new Date(),
        };
        const done = await existsMany(
          ids,
          some =>
            prisma.assessment.findMany({
              where: {...where, student_id: {in: some}},
              select: {student_id: true},
            }),
          {by: 'student_id'},
        );
        const fresh = sent.filter(({student_id}) => known.has(student_id) && !done.has(student_id));
        await prisma.assessment.createMany({data: fresh});
        for (const level of levels) {
          const reached = fresh.filter(assessment => assessment.level === level);
          await prisma.student.updateMany({
            where: {id: {in: reached.map(assessment => assessment.student_id)}},
            data: {endline_level: level},
          });
        }
      },
    },
  ],
});

/** Dated now, so that the assessments are new each time. */
function assessmentsOf({first_student_id}: Class) {
  const assessed_date = new Date();
  return Array.from({length: 100}, (_, index) => ({
    student_id: first_student_id + index,
    pilot_school_id: 1 + (first_student_id % 400),
    added_by_id: 1 + (first_student_id % 2400),
    assessment_type: 'endline',
    subject: 'math',
    level: levels[index % levels.length] ?? 'beginner',
    score: index,
    assessed_date,
  }));
}
