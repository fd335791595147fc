import {defineEndpoint} from 'poolctl';
import type {PrismaClient} from '../../source/demo/prisma/generated/assessments/client.ts';
import {cachedMentorSchoolIds, mentorSchoolIds} from './shared/demo-application.ts';

/** A mentor's page calls ten routes, each of which first reads the mentor's schools. */
const calls = 10;

export default defineEndpoint<PrismaClient, {mentor_id: number}>({
  route: 'GET ten routes of a mentor',
  samples: Array.from({length: 2400}, (_, index) => ({mentor_id: index + 1})),
  variants: [
    {
      name: 'before',
      async run({prisma, request}) {
        for (let call = 0; call < calls; call++) await mentorSchoolIds(prisma, request.mentor_id);
      },
    },
    {
      name: 'after',
      async run({prisma, cache, request}) {
        for (let call = 0; call < calls; call++)
          await cachedMentorSchoolIds({prisma, cache}, request.mentor_id);
      },
    },
  ],
});
