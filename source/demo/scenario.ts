import {assessmentsRequests, calmAssessmentsRequests} from './requests/assessments.ts';
import type {Request} from './requests/prisma-sql.ts';
import {calmScoringRequests, scoringRequests} from './requests/scoring.ts';
import {calmTaskdeskRequests, taskdeskRequests} from './requests/taskdesk.ts';

/** The message that starts the traffic. */
export type TrafficOptions = {
  seed: number;
  calm: boolean;
  host: string;
  port: number;
  passwords: Record<string, string>;
  superuserPassword: string;
};

/** An application's instances; each has its own pool. */
export type Fleet = {
  database: string;
  role: string;
  /** Prisma only sets one from its URL. */
  application_name: string;
  /** The client address of its connections. */
  localAddress: string;
  instances: number;
  poolSize: number;
  requests: readonly Request[];
};

const assessments = {
  database: 'assessments',
  role: 'assessments_app',
  application_name: 'assessments-web',
  localAddress: '127.0.0.21',
};
const scoring = {database: 'scoring', role: 'scoring_app', application_name: '', localAddress: '127.0.0.31'};
const taskdesk = {
  database: 'taskdesk',
  role: 'taskdesk_app',
  application_name: 'taskdesk',
  localAddress: '127.0.0.41',
};

/** They use 27 of the 60 slots. The incident uses 22 and grows by 4. */
export const incidentFleets: readonly Fleet[] = [
  {...assessments, instances: 6, poolSize: 2, requests: assessmentsRequests},
  {...scoring, instances: 3, poolSize: 3, requests: scoringRequests},
  {...taskdesk, instances: 2, poolSize: 3, requests: taskdeskRequests},
];

export const calmFleets: readonly Fleet[] = [
  {...assessments, instances: 3, poolSize: 1, requests: calmAssessmentsRequests},
  {...scoring, instances: 2, poolSize: 2, requests: calmScoringRequests},
  {...taskdesk, instances: 2, poolSize: 1, requests: calmTaskdeskRequests},
];

/** The bulk import begins a transaction and, on one code path, never ends it. */
export const leak = {
  ...assessments,
  application_name: 'assessments-import',
  atStart: 8,
  atMost: 12,
  everyMs: 6000,
};

/** Unused preview deployments that never closed their pools. */
export const abandoned = {...taskdesk, application_name: 'taskdesk-preview', connections: 9};

/** A recalculation that locks rows of two categories. A session that waits for it blocks a third one. */
export const recalculation = {...scoring, application_name: 'scoring-recalculate'};

/** The nightly dump, which is still running and must not be ended. */
export const dump = {
  database: 'assessments',
  role: 'postgres',
  application_name: 'pg_dump',
  localAddress: '127.0.0.51',
};
