/** The generated clients of the demo's databases with endpoints. Each import loads Prisma (2 MB). */
export const demoClients = {
  assessments: () => import('./generated/assessments/client.ts'),
  taskdesk: () => import('./generated/taskdesk/client.ts'),
} as const;
