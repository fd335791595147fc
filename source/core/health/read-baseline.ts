import type {Snapshot} from '../../model/snapshot.ts';

/** A document of `poolctl snapshot`; null for what is none. */
export function parseSnapshotDocument(text: string): Snapshot | null {
  try {
    const value: unknown = JSON.parse(text);
    return isSnapshot(value) ? value : null;
  } catch {
    return null;
  }
}

/** What a comparison rests on; the document has rates beside the counters, which nothing here reads. */
function isSnapshot(value: unknown): value is Snapshot {
  if (!isRecord(value) || value.schema_version !== 1 || typeof value.at !== 'string') return false;
  const {target, budget, statements, databases} = value;
  return (
    isRecord(target) &&
    typeof target.id === 'string' &&
    isRecord(budget) &&
    typeof budget.used === 'number' &&
    Array.isArray(statements) &&
    statements.every(each => isRecord(each) && typeof each.calls === 'number') &&
    Array.isArray(databases)
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
