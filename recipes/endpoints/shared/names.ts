/** The demo's read-only endpoints, by database. */
export const demoEndpoints: Readonly<Record<string, readonly string[]>> = {
  assessments: [
    'admin-stats',
    'administration-stats',
    'assessment-history',
    'assessments-list',
    'dashboard-stats',
    'mentor-assignments',
    'mentor-stats',
    'public-assessment-data',
    'rbac-dashboard',
    'rbac-users',
    'reports-dashboard',
    'students-list',
  ],
  taskdesk: ['agent-progress', 'manager-agents', 'manager-metrics'],
};
