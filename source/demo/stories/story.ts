import type pg from 'pg';
import type {ServerSettings} from '../server.ts';

/**
 * An incident on a server of its own, as data and a few functions: `poolctl demo --story NAME` runs it for people, the
 * tests and the benchmark of incidents measure when its cause is the first finding.
 */
export type Story = {
  /** kebab-case: `lock-queue`. */
  name: string;
  title: string;
  /** The page as it reaches the engineer on call. */
  page: string;
  /** In addition to those of every story. */
  settings?: ServerSettings;
  /** The oldest major version that has what it needs; 13 by default. */
  since?: number;
  /** Roles, tables and rows, within a few seconds. */
  prepare(stage: Stage): Promise<void>;
  /** Begins the workload and its red herrings; resolves as soon as the harm is there. */
  start(stage: Stage): Promise<void>;
  /** The first finding that is right. */
  first: {
    /** `Finding.cause`. */
    cause: string;
    /** The recommended act's recipe; null for advice. */
    recipe: string | null;
    summary: RegExp;
    /** From the start of the harm: 10 if it shows in one reading, else 60. */
    within_seconds: number;
  };
  /** application_name of sessions that no act may end or change. */
  innocents: string[];
  /** What solves it, as the right act or the application's owner does; afterwards no finding may be left within a minute. */
  cure(stage: Stage): Promise<void>;
  /** How it was solved, said afterwards: one sentence each. */
  solution: string[];
};

/** A healthy but odd server: no finding may be critical or a warning. */
export type HealthyStory = Pick<Story, 'name' | 'title' | 'settings' | 'since' | 'prepare' | 'start'>;

export type Login = {
  /** A role that `prepare` created with `stage.role`; default: the superuser. */
  role?: string;
  application_name?: string;
  /** 127.0.0.x, which the server sees as the client's address (Linux only). */
  address?: string;
  /** A database other than the story's. */
  database?: string;
  /** A connection of the streaming replication protocol. */
  replication?: boolean;
};

/** The server of a story, and its clients. */
export type Stage = {
  /** The superuser's session in the story's database. */
  admin: pg.Client;
  database: string;
  /** Creates a role that can log in. */
  role(name: string, options?: string): Promise<void>;
  /** A connected client; closed when the story ends. Its errors after connecting are ignored. */
  connect(login: Login): Promise<pg.Client>;
  /**
   * Repeats `work` on a session of its own until the story ends or `signal` aborts. What it throws is ignored, as an
   * application would log it; a lost connection is opened again. `pause_ms` between repetitions, 0 by default.
   */
  loop(login: Login, work: (client: pg.Client) => Promise<unknown>, options?: LoopOptions): Promise<void>;
  /** The pool of an application's instance; ended when the story ends. Its connections' errors are ignored. */
  pool(login: Login, options: Pick<pg.PoolConfig, 'max' | 'connectionTimeoutMillis'>): pg.Pool;
  /** ANALYZE of all tables, so that autovacuum and poolctl find nothing to do. */
  analyze(): Promise<void>;
  /** Waits for something that the server says; throws after a minute. */
  until(query: string): Promise<void>;
  sleep(ms: number): Promise<void>;
  /** Aborted when the story ends. */
  signal: AbortSignal;
};

type LoopOptions = {pause_ms?: number; signal?: AbortSignal};
