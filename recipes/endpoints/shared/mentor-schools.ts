import type {Cache} from 'poolctl';
import type {PrismaClient} from '../../../source/demo/prisma/generated/assessments/client.ts';

/** The schools a mentor may see, which every request reads first. Two statements, three without assignments. */
export async function mentorSchoolIds(prisma: PrismaClient, mentorId: number): Promise<number[]> {
  const mentor = await prisma.user.findUnique({
    where: {id: mentorId},
    select: {pilot_school_id: true},
  });
  const assignments = await prisma.userPilotSchoolAssignment.findMany({
    where: {user_id: mentorId, is_active: true},
    select: {pilot_school_id: true},
  });
  if (assignments.length > 0) return assignments.map(assignment => assignment.pilot_school_id);
  const school = await prisma.pilotSchool.findFirst({
    where: {id: mentor?.pilot_school_id ?? 0},
    select: {id: true},
  });
  return school === null ? [] : [school.id];
}

const fiveMinutesMs = 5 * 60_000;

/** The same, cached for five minutes. Concurrent requests share one query. */
export function cachedMentorSchoolIds(
  {prisma, cache}: {prisma: PrismaClient; cache: Cache},
  mentorId: number,
): Promise<number[]> {
  const key = `mentor:${mentorId}:active`;
  const cached = cache.get(key) as Promise<number[]> | undefined;
  if (cached !== undefined) return cached;
  const pending = mentorSchoolIds(prisma, mentorId);
  cache.set(key, pending, fiveMinutesMs);
  pending.catch(() => cache.delete(key));
  return pending;
}
