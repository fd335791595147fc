/** What the extension pg_wait_sampling saw since the reading before, as far as its history reaches back. */
export type WaitSamples = {
  /** pg_wait_sampling.history_period. */
  every_ms: number;
  /** How often it looked at every process; 0 where this reading did not ask. */
  samples: number;
  /** False: it sees processes that wait only (before 1.1.5, or pg_wait_sampling.sample_cpu is off). */
  has_cpu: boolean;
  /** Processes that wait or run, in how many of the samples; without those that wait for their client to send, and poolctl's own. */
  seen: {
    pid: number;
    /** null: on a CPU. */
    wait_event_type: string | null;
    wait_event: string | null;
    /** null: outside of a statement, or pg_wait_sampling.profile_queries is off. */
    query_id: string | null;
    count: number;
  }[];
};
