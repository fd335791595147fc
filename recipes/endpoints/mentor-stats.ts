import {defineEndpoint} from 'poolctl';
import {inBatches} from 'poolctl/kit';
import type {PrismaClient} from '../../source/demo/prisma/generated/assessments/client.ts';

export default defineEndpoint<PrismaClient, {school_ids: number[]}>({
  route: 'GET /api/dashboard/mentor-stats',
  samples: Array.from({length: 50}, (_, index) => ({school_ids: [index + 1, index + 101, index + 201]})),
  variants: [
    {
      name: 'before',
      async run({prisma, request: {school_ids}}) {
        const where = {pilot_school_id: {in: school_ids}};
        await Promise.all([
          prisma.student.count({where}),
          prisma.student.count({where: {...where, is_temporary: true}}),
          prisma.pilotSchool.count({where: {id: {in: school_ids}}}),
          prisma.assessment.count({where}),
          prisma.assessment.count({where: {...where, is_temporary: true}}),
        ]);
        await Promise.all([
          prisma.assessment.count({where: {...where, assessment_type: 'baseline'}}),
          prisma.assessment.count({where: {...where, assessment_type: 'midline'}}),
          prisma.assessment.count({where: {...where, assessment_type: 'endline'}}),
        ]);
      },
    },
    {
      name: 'after',
      // Does not count the schools: their IDs are known.
      async run({prisma, request: {school_ids}}) {
        const where = {pilot_school_id: {in: school_ids}};
        const counts = [
          () => prisma.student.count({where}),
          () => prisma.student.count({where: {...where, is_temporary: true}}),
          () => prisma.assessment.count({where}),
          () => prisma.assessment.count({where: {...where, is_temporary: true}}),
          () => prisma.assessment.count({where: {...where, assessment_type: 'baseline'}}),
          () => prisma.assessment.count({where: {...where, assessment_type: 'midline'}}),
          () => prisma.assessment.count({where: {...where, assessment_type: 'endline'}}),
        ];
        await inBatches(counts, 3);
      },
    },
  ],
});
