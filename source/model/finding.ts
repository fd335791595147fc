import type {ParameterValues} from './parameter.ts';

export type Severity = 'warning' | 'critical';

/** Something wrong now. `subject` is stable between readings: `backend:4711`, `role:app`, `server`. */
export type Finding = {
  recipe: string;
  severity: Severity;
  subject: string;
  summary: string;
  evidence: Record<string, string | number | boolean | null>;
  /** Parameters with which the recipe answers this finding: what the guide starts from. */
  params?: ParameterValues;
};
