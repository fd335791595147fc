/** What is still to be done, as the task desk counts it. */
export const openStatuses = ['PENDING', 'IN_PROGRESS', 'ASSISTANCE_REQUIRED'];

export const taskTypes = ['TEXT_CLUB', 'WOD_IVCS', 'EMAIL_REQUESTS', 'YOTPO', 'HOLDS'];

/** Whom a manager's page shows. */
export const agentsOfPage = {
  where: {role: 'AGENT'},
  select: {id: true, name: true, email: true, isLive: true, lastSeen: true},
  orderBy: {id: 'asc'},
  take: 10,
} as const;
