/** Of the demo's databases that have endpoints to replay, the generated clients; each loads Prisma (2 MB). */
export const demoClients = {
  assessments: () => import('./generated/assessments/client.ts'),
  taskdesk: () => import('./generated/taskdesk/client.ts'),
} as const;
