import type {Row} from './packed.ts';
import type {Patch} from './patch.ts';

/** Members that recordings of poolctl 0.1 have under another name. */
const renamedBudget: Record<string, string> = {own_limits: 'role_and_database_limits'};
const renamedSnapshot: Record<string, string> = {told_by_facts: 'fact_findings'};

/** A patch as this version writes it, whichever version wrote it. */
export function currentPatch(patch: Patch): Patch {
  const {rest, tables} = patch;
  const rows = tables?.budget?.rows?.map(([place, changed, lost = []]): [number, Row, string[]] => [
    place,
    renamed(changed, renamedBudget),
    lost.map(name => renamedBudget[name] ?? name),
  ]);
  return {
    ...patch,
    ...(rest !== undefined && {rest: renamed(rest, renamedSnapshot)}),
    ...(tables !== undefined &&
      rows !== undefined && {tables: {...tables, budget: {...tables.budget, rows}}}),
  };
}

function renamed(row: Row, names: Record<string, string>): Row {
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [names[name] ?? name, value]));
}
