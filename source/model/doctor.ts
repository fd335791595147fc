import type {Target} from './target.ts';

/** One thing poolctl needs, or would do better with. */
export type DoctorCheck = {
  /** Stable, for scripts: `sessions`, `statements`, `signal`, ... */
  id: string;
  /** `missing`: something poolctl offers does not work here. `advice`: it works, and could show or do more. */
  status: 'ok' | 'missing' | 'advice';
  detail: string;
  /** The exact statement or setting that mends it; null where all is well. */
  remedy: string | null;
  /** It takes effect only when the server is restarted. */
  needs_restart: boolean;
  /** What differs on this managed service, or else needs to be known. */
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
