import type {ParameterValues} from './parameter.ts';

export type Severity = 'warning' | 'critical';

/** A present problem. `subject` is stable between snapshots: `backend:4711`, `role:app`, `server`. */
export type Finding = {
  recipe: string;
  severity: Severity;
  subject: string;
  summary: string;
  evidence: Record<string, string | number | boolean | null>;
  /** The recipe's parameters for this finding, preset when it is planned. */
  params?: ParameterValues;
};
