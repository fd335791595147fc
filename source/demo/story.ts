import {assessmentsRequests, calmAssessmentsRequests} from './requests/assessments.ts';
import type {Request} from './requests/prisma-sql.ts';
import {calmScoringRequests, scoringRequests} from './requests/scoring.ts';
import {calmTaskdeskRequests, taskdeskRequests} from './requests/taskdesk.ts';

/** What the traffic is told, across the process boundary. */
export type Script = {
  seed: number;
  calm: boolean;
  host: string;
  port: number;
  passwords: Record<string, string>;
  superuserPassword: string;
};

/** Applications run in many small instances, and each opens a pool of its own. */
export type Fleet = {
  database: string;
  role: string;
  /** Prisma sends none unless its URL says so. */
  application_name: string;
  /** Where it comes from: a serverless platform's way out, or a machine of its own. */
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

/** 27 of the 60 slots; the incident takes 22 and grows by 4. */
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

/** The bulk import's instances: a transaction is begun and, on one way through the code, never ended. */
export const leak = {
  ...assessments,
  application_name: 'assessments-import',
  atStart: 8,
  atMost: 12,
  everyMs: 6000,
};

/** Preview deployments that nobody looks at any more and whose pools nobody closed. */
export const forgotten = {...taskdesk, application_name: 'taskdesk-preview', connections: 9};

/** A recalculation that holds rows of two categories; what waits for it holds up a third. */
export const recalculation = {...scoring, application_name: 'scoring-recalculate'};

/** The nightly dump still runs: it is slow, and it must be left alone. */
export const dump = {
  database: 'assessments',
  role: 'postgres',
  application_name: 'pg_dump',
  localAddress: '127.0.0.51',
};
