import type {ServerRow} from '../../core/server/topics/index.ts';
import type {Verdict} from '../../core/server/topics/topic.ts';
import type {RecordedSnapshot} from '../../model/ports.ts';
import type {Role} from '../screen/line.ts';
import {tableOf} from '../state/browsing.ts';
import type {ConsoleState} from '../state/state.ts';
import {arrangeRows, type Column} from './arrange.ts';

const roles: Record<Verdict, Role> = {critical: 'danger', warning: 'warning', ok: 'good', unknown: 'muted'};

export function verdictRoleOf({verdict}: ServerRow): Role {
  return roles[verdict];
}

export const serverColumns: Column<ServerRow>[] = [
  {
    id: 'topic',
    title: 'TOPIC',
    help: 'what the line is about',
    width: 11,
    priority: 3,
    text: ({topic}) => topic,
    sortValue: () => null,
  },
  {
    id: 'verdict',
    title: 'VERDICT',
    help: 'critical, warning, ok; ? where this role or one snapshot does not show it',
    width: 8,
    priority: 2,
    text: ({verdict}) => (verdict === 'unknown' ? '?' : verdict),
    role: verdictRoleOf,
    sortValue: () => null,
  },
  {
    id: 'what',
    title: 'WHAT',
    help: 'what the verdict rests on; Enter shows the figures behind it',
    width: 20,
    grows: true,
    priority: 1,
    text: ({text}) => text,
    sortValue: () => null,
  },
];

/** The part of the state that its lines are made of. */
export function partOfServerView({
  snapshot,
  serverRows,
  diagnosisData,
  past,
  isPaused,
  tables,
}: ConsoleState) {
  return {snapshot, serverRows, diagnosisData, past, isPaused, tables};
}

type Part = ReturnType<typeof partOfServerView>;

/** The lines that the filter shows. */
export function serverViewRows(part: Part): ServerRow[] {
  return arrangeRows(allServerRows(part), tableOf(part, 'server'), serverColumns, ({id}) => id);
}

/** The lines of every topic. What the view itself has read is newer than the facts of the findings. */
export function allServerRows({
  snapshot,
  serverRows,
  diagnosisData,
  past,
  isPaused,
}: Omit<Part, 'tables'>): ServerRow[] {
  if (snapshot === null || serverRows === null) return [];
  const recorded = past === null ? diagnosisData.ofAssessment : ((snapshot as RecordedSnapshot).facts ?? {});
  const absentNow = isPaused ? 'paused: p resumes' : 'not read yet';
  const absent = past === null ? absentNow : 'not recorded: it is read while this view is open';
  return serverRows({snapshot, state: {...recorded, ...snapshot.server}}, absent);
}
