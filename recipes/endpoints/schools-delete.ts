import {defineEndpoint} from 'poolctl';
import type {PrismaClient} from '../../source/demo/prisma/generated/assessments/client.ts';

const emptySchools = 2000;
let nextId = 0;
let lastId = 0;

/** Without the kit: its fix is that two counts of different tables run concurrently, which `Promise.all` says. */
export default defineEndpoint<PrismaClient>({
  route: 'DELETE /api/schools/[id]',
  isWriting: true,
  samples: [{}],
  /** Creates empty schools for the requests to delete. */
  async setup({prisma}) {
    const created = await prisma.pilotSchool.createManyAndReturn({
      data: Array.from({length: emptySchools}, (_, index) => ({
        school_name: `Closed school ${index}`,
        school_code: 'CLOSED',
        province: 'Kandal',
        district: 'District 0',
      })),
      select: {id: true},
    });
    nextId = Math.min(...created.map(school => school.id));
    lastId = nextId + created.length - 1;
  },
  variants: [
    {
      name: 'before',
      async run({prisma}) {
        const id = takeSchool();
        const students = await prisma.student.count({where: {pilot_school_id: id, is_active: true}});
        const users = await prisma.user.count({where: {pilot_school_id: id, is_active: true}});
        if (students === 0 && users === 0) await prisma.pilotSchool.delete({where: {id}});
      },
    },
    {
      name: 'after',
      async run({prisma}) {
        const id = takeSchool();
        const [students, users] = await Promise.all([
          prisma.student.count({where: {pilot_school_id: id, is_active: true}}),
          prisma.user.count({where: {pilot_school_id: id, is_active: true}}),
        ]);
        if (students === 0 && users === 0) await prisma.pilotSchool.delete({where: {id}});
      },
    },
  ],
});

function takeSchool(): number {
  if (nextId > lastId) throw new Error(`all ${emptySchools} empty schools are deleted: use fewer --requests`);
  return nextId++;
}
