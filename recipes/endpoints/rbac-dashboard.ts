import {defineEndpoint} from 'poolctl';
import {inBatches} from 'poolctl/kit';
import type {PrismaClient} from '../../source/demo/prisma/generated/assessments/client.ts';

const school = {select: {id: true, school_name: true}} as const;

export default defineEndpoint<PrismaClient>({
  route: 'GET /api/rbac/dashboard',
  samples: [{}],
  variants: [
    {
      name: 'before',
      async run({prisma}) {
        await Promise.all([
          prisma.user.count(),
          prisma.user.count({where: {is_active: true}}),
          prisma.user.count({where: {role: 'admin'}}),
          prisma.user.count({where: {role: 'coordinator'}}),
          prisma.user.count({where: {role: 'mentor'}}),
          prisma.user.count({where: {role: 'teacher'}}),
          prisma.user.count({where: {role: 'viewer'}}),
          prisma.pilotSchool.count(),
          prisma.student.count(),
          prisma.assessment.count(),
          prisma.mentoringVisit.count(),
        ]);
        await prisma.user.findMany({
          include: {
            pilot_school: school,
            user_pilot_school_assignments: {include: {pilot_school: school}},
          },
          orderBy: {created_at: 'desc'},
          take: 20,
        });
      },
    },
    {
      name: 'after',
      async run({prisma}) {
        const counts = [
          () => prisma.user.count(),
          () => prisma.user.count({where: {is_active: true}}),
          () => prisma.user.count({where: {role: 'admin'}}),
          () => prisma.user.count({where: {role: 'coordinator'}}),
          () => prisma.user.count({where: {role: 'mentor'}}),
          () => prisma.user.count({where: {role: 'teacher'}}),
          () => prisma.user.count({where: {role: 'viewer'}}),
          () => prisma.pilotSchool.count(),
          () => prisma.student.count(),
          () => prisma.assessment.count(),
          () => prisma.mentoringVisit.count(),
        ];
        await inBatches(counts, 4);
        await prisma.user.findMany({
          include: {
            pilot_school: school,
            user_pilot_school_assignments: {take: 5, include: {pilot_school: school}},
          },
          orderBy: {created_at: 'desc'},
          take: 20,
        });
      },
    },
  ],
});
