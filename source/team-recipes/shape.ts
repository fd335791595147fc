/**
 * What a recipe written by hand returned, where nothing but its author's editor has seen its types: what of it is
 * not as the engine needs it, in words; null where all is.
 */
export function lackOfPlan(plan: unknown): string | null {
  const {steps, explanation, left_alone, watch_groups, batch_size, params} = membersOf(plan);
  const lists = {steps, explanation, left_alone, watch_groups};
  for (const [name, list] of Object.entries(lists)) {
    if (!Array.isArray(list)) return `${name} is no list`;
  }
  if (typeof batch_size !== 'number' || !(batch_size >= 1)) return 'batch_size is no number from 1 up';
  if (typeof params !== 'object' || params === null) return 'params are missing';
  for (const [index, step] of (steps as unknown[]).entries()) {
    const lack = lackOfStep(step);
    if (lack !== null) return `step ${index + 1}: ${lack}`;
  }
  return null;
}

/** The same of what a diagnosis returned. */
export function lackOfFindings(findings: unknown): string | null {
  if (!Array.isArray(findings)) return 'it returns no list of findings';
  for (const finding of findings) {
    const {severity, subject, summary, evidence} = membersOf(finding);
    if (typeof subject !== 'string' || typeof summary !== 'string')
      return 'a finding wants subject and summary';
    if (severity !== 'warning' && severity !== 'critical') return 'a severity is warning or critical';
    if (typeof evidence !== 'object' || evidence === null)
      return 'a finding wants evidence: {} where it has none';
  }
  return null;
}

function lackOfStep(step: unknown): string | null {
  const members = membersOf(step);
  const {kind, title, subject, undo, verify, lock, transaction, timeout_ms} = members;
  if (typeof title !== 'string' || typeof subject !== 'string') return 'it wants title and subject';
  if (kind === 'advice') return typeof members.text === 'string' ? null : 'advice wants text';
  if (kind === 'file') {
    const isWhole = typeof members.path === 'string' && typeof members.change === 'object';
    return isWhole && Array.isArray(members.diff) ? null : 'a file wants path, change and diff';
  }
  if (kind !== 'sql') return 'its kind is sql, file or advice';
  if (!isSql(members.apply)) return 'apply wants text and values';
  if (!isVerification(verify)) return 'verify wants query and expect: how is it seen that it worked?';
  if (!isUndo(undo)) return 'undo wants apply and verify, or is "irreversible" or "unneeded"';
  if (typeof lock !== 'string' || !['none', 'share', 'exclusive'].includes(lock))
    return 'lock is none, share or exclusive';
  const isTimed = typeof transaction === 'boolean' && typeof timeout_ms === 'number';
  return isTimed ? null : 'it wants transaction (true or false) and timeout_ms';
}

function isUndo(undo: unknown): boolean {
  if (undo === 'irreversible' || undo === 'unneeded') return true;
  const {apply, verify} = membersOf(undo);
  return isSql(apply) && isVerification(verify);
}

function isVerification(verification: unknown): boolean {
  const {query, expect} = membersOf(verification);
  const {column, op, value} = membersOf(expect);
  return isSql(query) && typeof column === 'string' && typeof op === 'string' && value !== undefined;
}

function isSql(sql: unknown): boolean {
  const {text, values} = membersOf(sql);
  return typeof text === 'string' && Array.isArray(values);
}

function membersOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
