import {lineAt, type Module} from './code/project.ts';

/**
 * The reason why an issue is accepted; null if it is not. `// poolctl-accept query-in-loop: at most 3 languages` on its
 * line or the one above; without a reason it accepts nothing.
 */
export function acceptedAt(module: Module, line: number, kind: string): string | null {
  for (const {value, start} of module.comments) {
    const [, kinds, reason] =
      /^[*\s]*poolctl-accept\s+([\w-]+(?:\s*,\s*[\w-]+)*)\s*:\s*(\S[\s\S]*?)[*\s]*$/.exec(value) ?? [];
    if (kinds === undefined || reason === undefined || !kinds.split(/\s*,\s*/).includes(kind)) continue;
    const at = lineAt(module.text, start);
    if (at === line || at === line - 1) return reason;
  }
  return null;
}
