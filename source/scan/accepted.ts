import {lineAt, type Module} from './code/project.ts';

/**
 * The reason why an issue is accepted; null if it is not. `// poolctl-accept query-in-loop: at most 3 languages` on its
 * line or the one above; without a reason it accepts nothing.
 */
export function acceptedAt(module: Module, line: number, kind: string): string | null {
  for (const {value, start} of module.comments) {
    const reason = reasonIn(value, kind);
    if (reason === null) continue;
    const at = lineAt(module.text, start);
    if (at === line || at === line - 1) return reason;
  }
  return null;
}

/** The same for a file that is not parsed: a Prisma schema, an .env. */
export function acceptedInText(text: string, line: number, kind: string): string | null {
  const lines = text.split('\n').slice(Math.max(0, line - 2), line);
  const comments = lines.flatMap(each => /(?:\/\/|#)(.*)$/.exec(each)?.[1] ?? []);
  return comments.map(each => reasonIn(each, kind)).find(each => each !== null) ?? null;
}

function reasonIn(comment: string, kind: string): string | null {
  const [, kinds, reason] =
    /^[*\s]*poolctl-accept\s+([\w-]+(?:\s*,\s*[\w-]+)*)\s*:\s*(\S[\s\S]*)$/.exec(comment) ?? [];
  if (reason === undefined || !kinds?.split(/\s*,\s*/).includes(kind)) return null;
  let end = reason.length;
  while (end > 0 && /[*\s]/.test(reason.charAt(end - 1))) end--;
  return end === 0 ? null : reason.slice(0, end);
}
