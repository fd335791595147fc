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
