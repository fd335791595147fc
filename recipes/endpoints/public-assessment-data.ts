import {defineEndpoint} from 'poolctl';
import {countBy} from 'poolctl/kit';
import type {PrismaClient} from '../../source/demo/prisma/generated/assessments/client.ts';
import {cycles, levels} from './shared/demo-application.ts';

export default defineEndpoint<PrismaClient, {subject: string}>({
  route: 'GET /api/public/assessment-data',
  samples: [{subject: 'language'}, {subject: 'math'}],
  variants: [
    {
      name: 'before',
      async run({prisma, request: {subject}}) {
        await Promise.all(levels.map(level => prisma.assessment.count({where: {level, subject}})));
        await Promise.all(
          cycles.map(assessment_type => prisma.assessment.count({where: {assessment_type, subject}})),
        );
      },
    },
    {
      name: 'after',
      async run({prisma, request: {subject}}) {
        await countBy(
          levels,
          some =>
            prisma.assessment.groupBy({by: ['level'], where: {subject, level: {in: some}}, _count: true}),
          {by: 'level'},
        );
        await Promise.all(
          cycles.map(assessment_type => prisma.assessment.count({where: {assessment_type, subject}})),
        );
      },
    },
  ],
});
