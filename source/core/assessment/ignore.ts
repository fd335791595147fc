import type {Finding} from '../../model/recipe.ts';

/** Findings that a check leaves out: a recipe's (or a cause's), all or those of one subject. */
export type Ignored = {recipe: string; subject: string | null};

/** Parses `apply-indexes,kill-idle-sessions:application:web/role:app`; null if a part has no recipe. */
export function parseIgnored(text: string): Ignored[] | null {
  const parts = text.split(',').map(part => /^\s*([a-z][a-z0-9-]*)(?::(.+?))?\s*$/.exec(part));
  const ignored = parts.map(part => part && {recipe: part[1] ?? '', subject: part[2] ?? null});
  return ignored.every(each => each !== null) ? ignored : null;
}

function isIgnored({recipe, cause, subject}: Finding, ignored: readonly Ignored[]): boolean {
  return ignored.some(
    each =>
      (each.recipe === recipe || each.recipe === cause) &&
      (each.subject === null || each.subject === subject),
  );
}

/** The assessment without the ignored findings. */
export function withoutIgnored<Found extends {findings: readonly Finding[]; also: readonly Finding[]}>(
  found: Found,
  ignored: readonly Ignored[],
): Found {
  if (ignored.length === 0) return found;
  const isKept = (finding: Finding) => !isIgnored(finding, ignored);
  return {...found, findings: found.findings.filter(isKept), also: found.also.filter(isKept)};
}
