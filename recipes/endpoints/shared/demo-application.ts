import type {Cache as Instance} from 'poolctl';
import {type Cache, createCache} from 'poolctl/kit';
import type {PrismaClient} from '../../../source/demo/prisma/generated/assessments/client.ts';

/** The demo's current day; its rows are older. */
export const today = new Date('2025-10-27T00:00:00Z');

export const levels = [
  'beginner',
  'letter',
  'word',
  'paragraph',
  'story',
  'comprehension1',
  'comprehension2',
];

export const cycles = ['baseline', 'midline', 'endline'] as const;

/** The first day of the month `months` before the demo's current one. */
export function monthsBefore(months: number): Date {
  return new Date(Date.UTC(today.getUTCFullYear(), today.getUTCMonth() - months, 1));
}

/** Statuses of open tasks. */
export const openStatuses = ['PENDING', 'IN_PROGRESS', 'ASSISTANCE_REQUIRED'];

export const taskTypes = ['TEXT_CLUB', 'WOD_IVCS', 'EMAIL_REQUESTS', 'YOTPO', 'HOLDS'];

/** The agents on a manager's page. */
export const agentsOfPage = {
  where: {role: 'AGENT'},
  select: {id: true, name: true, email: true, isLive: true, lastSeen: true},
  orderBy: {id: 'asc'},
  take: 10,
} as const;

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

/** Each measured instance of the application has a cache of its own. */
const caches = new WeakMap<Instance, Cache>();

/** The same, cached for five minutes. Concurrent requests share one query. */
export function cachedMentorSchoolIds(
  {prisma, cache: instance}: {prisma: PrismaClient; cache: Instance},
  mentorId: number,
): Promise<number[]> {
  const cache = caches.get(instance) ?? createCache();
  caches.set(instance, cache);
  const key = {tenant: mentorId, key: 'schools', models: ['User', 'UserPilotSchoolAssignment']};
  return cache.get(prisma, key, db => mentorSchoolIds(db, mentorId));
}
