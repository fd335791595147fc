import type {Budget, BudgetGroup} from '../../model/snapshot.ts';
import {groupId, orderedGroups} from '../rows/groups.ts';
import {textWidth} from '../screen/cell-width.ts';
import {fitText, span} from '../screen/line.ts';
import {tableOf} from '../state/browsing.ts';
import {useConsole} from './context.ts';
import {Measured, type Size} from './measured.tsx';
import {PaintedRow, Text} from './text.tsx';

/** The groups of sessions that use most slots, largest first, as many as fit, and how many did not. */
export function GroupsList({groups}: Pick<Budget, 'groups'>) {
  return (
    <Measured name="groups" flexGrow={0} flexBasis={titleRows + groups.length}>
      {size => <Groups groups={groups} {...size} />}
    </Measured>
  );
}

/** The title and the columns. */
const titleRows = 2;

function Groups({groups: all, width, height}: {groups: BudgetGroup[]} & Size) {
  const {cursor, frozenOrder} = useConsole(state => {
    const {cursor, frozenOrder} = tableOf(state, 'overview');
    // The first row of the Overview is a finding where there is one.
    return {cursor: cursor ?? (state.findings.length > 0 ? '' : null), frozenOrder};
  });
  const groups = orderedGroups(all, frozenOrder);
  const widths = nameWidths(groups, width - countsWidth);
  const room = Math.max(0, height - titleRows);
  const count = groups.length <= room ? room : Math.max(0, room - 1);
  const selected = cursor === null ? 0 : groups.findIndex(group => groupId(group) === cursor);
  const first = Math.max(0, selected - count + 1);
  const shown = groups.slice(first, first + count);
  const rest = groups.filter(group => !shown.includes(group));
  const slots = rest.reduce((sum, {count}) => sum + count, 0);
  return (
    <>
      <Text role="heading">slots by application, role and client</Text>
      <Text role="muted">
        {columnsOf(['application', 'role', 'client', ' slots', 'active', 'idle', 'in tx'], widths)}
      </Text>
      {shown.map((group, index) => (
        <GroupRow
          key={groupId(group)}
          group={group}
          widths={widths}
          isSelected={first + index === selected}
        />
      ))}
      {rest.length > 0 && <Text role="muted">{`${rest.length} more, with ${slots} slots`}</Text>}
    </>
  );
}

type Widths = [application: number, role: number, client: number];

/** Width of the four counts and the gaps between the columns. */
const countsWidth = 31;
const longestAddress = 39;

/** The client column is as wide as its longest address; the two names share the rest. */
function nameWidths(groups: BudgetGroup[], room: number): Widths {
  const longest = Math.max(...groups.map(group => textWidth(clientOf(group).slice(0, longestAddress))), 10);
  const client = Math.min(longest, Math.floor(room / 3));
  const names = room - client;
  return [Math.ceil(names / 2), Math.floor(names / 2), client];
}

function columnsOf([application = '', role = '', client = '', ...counts]: string[], widths: Widths): string {
  const names = [application, role, client].map((name, index) => fitText(name, widths[index] ?? 0));
  return [...names, ...counts.map(count => count.padStart(6))].join(' ');
}

function GroupRow({group, widths, isSelected}: {group: BudgetGroup; widths: Widths; isSelected: boolean}) {
  const {application_name, usename, count, active, idle, idle_in_transaction} = group;
  const countOf = (sessions: number | null) =>
    isHidden(group) || sessions === null ? '?' : String(sessions);
  const columns = [application_name || '(no name)', usename, clientOf(group), String(count)];
  const row = columnsOf([...columns, countOf(active), countOf(idle)], widths);
  const inTransaction = countOf(idle_in_transaction).padStart(7);
  if (isSelected) return <Text role="selected">{row + inTransaction}</Text>;
  return (
    <PaintedRow
      spans={[span(row), span(inTransaction, (idle_in_transaction ?? 0) > 0 ? 'warning' : 'muted')]}
    />
  );
}

export function clientOf(group: BudgetGroup): string {
  return group.client_addr ?? (isHidden(group) ? '?' : 'local');
}

/** A session hidden from this role has no state and no client address. Older recordings have 0 for each. */
export function isHidden({active, idle, idle_in_transaction}: BudgetGroup): boolean {
  return (active ?? 0) + (idle ?? 0) + (idle_in_transaction ?? 0) === 0;
}
