import type {JournalEntry, ProcessIdentity} from '../../model/journal-entry.ts';
import {formatVersion} from '../format.ts';

/** Who did it on the server: the roles and versions of its outcomes, mostly one. */
export function actedAs(entries: readonly JournalEntry[]): string[] {
  const told = entries.flatMap(entry => (entry.event === 'outcome' ? (entry.acted_as ?? []) : []));
  return [
    ...new Set(
      told.map(({role, server_version_num}) => `${role} on PostgreSQL ${formatVersion(server_version_num)}`),
    ),
  ];
}

/** The machine that a run was executed on; older journals say so in its actor alone (`user@host`). */
export function hostOf({process, actor}: {process?: ProcessIdentity | undefined; actor: string}): string {
  return process?.host ?? actor.slice(actor.lastIndexOf('@') + 1);
}
