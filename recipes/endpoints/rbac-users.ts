import {defineEndpoint} from 'poolctl';
import {inBatches} from 'poolctl/kit';
import type {PrismaClient} from '../../source/demo/prisma/generated/assessments/client.ts';

const school = {select: {id: true, school_name: true, province: true}} as const;
const pageSize = 50;

export default defineEndpoint<PrismaClient, {page: number; role: string}>({
  route: 'GET /api/rbac/users',
  samples: [0, 1, 2].flatMap(page => ['teacher', 'mentor', 'viewer'].map(role => ({page, role}))),
  variants: [
    {
      name: 'before',
      async run({prisma, request: {page, role}}) {
        await Promise.all([
          prisma.user.findMany({
            where: {role},
            include: {
              pilot_school: school,
              user_pilot_school_assignments: {include: {pilot_school: school}},
            },
            orderBy: {created_at: 'desc'},
            skip: page * pageSize,
            take: pageSize,
          }),
          prisma.user.count({where: {role}}),
          prisma.pilotSchool.findMany(),
        ]);
      },
    },
    {
      name: 'after',
      async run({prisma, request: {page, role}}) {
        const users = () =>
          prisma.user.findMany({
            where: {role},
            include: {
              pilot_school: school,
              user_pilot_school_assignments: {take: 10, include: {pilot_school: school}},
            },
            orderBy: {created_at: 'desc'},
            skip: page * pageSize,
            take: pageSize,
          });
        const total = () => prisma.user.count({where: {role}});
        const schools = () => prisma.pilotSchool.findMany({select: {id: true, school_name: true}, take: 50});
        await inBatches([users, total, schools], 2);
      },
    },
  ],
});
