/** Statuses of tasks that are not done. */
export const openStatuses = ['PENDING', 'IN_PROGRESS', 'ASSISTANCE_REQUIRED'];

export const taskTypes = ['TEXT_CLUB', 'WOD_IVCS', 'EMAIL_REQUESTS', 'YOTPO', 'HOLDS'];

/** The agents on a manager's page. */
export const agentsOfPage = {
  where: {role: 'AGENT'},
  select: {id: true, name: true, email: true, isLive: true, lastSeen: true},
  orderBy: {id: 'asc'},
  take: 10,
} as const;
