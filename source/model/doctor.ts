import type {Target} from './target.ts';

/** A check of something that poolctl requires or can use. */
export type DoctorCheck = {
  /** Stable, for scripts: `sessions`, `statements`, `signal`, ... */
  id: string;
  /** `missing`: a feature of poolctl does not work here. `advice`: it works, but could show or do more. */
  status: 'ok' | 'missing' | 'advice';
  detail: string;
  /** The exact statement or setting that fixes it; null if nothing is wrong. */
  remedy: string | null;
  /** The remedy requires a server restart. */
  needs_restart: boolean;
  /** What differs on this managed service, or other advice. */
  note: string | null;
};

/** What poolctl can see and do on a target (`poolctl doctor`). */
export type DoctorReport = {
  schema_version: 1;
  target: Target;
  connection: {
    /** How the address was found. */
    source: string;
    route: 'direct' | 'rescue' | 'waited';
    is_encrypted: boolean;
    /** A connection pooler is in between. */
    is_pooled: boolean;
    round_trip_ms: number;
    /** Parameters of the address that poolctl does not use. */
    ignored_parameters: string[];
    warnings: string[];
  };
  checks: DoctorCheck[];
};
