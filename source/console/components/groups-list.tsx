import type {Budget, BudgetGroup} from '../../model/snapshot.ts';
import {textWidth} from '../screen/cell-width.ts';
import {fitText, span} from '../screen/line.ts';
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

function Groups({groups, width, height}: {groups: BudgetGroup[]} & Size) {
  const widths = nameWidths(groups, width - countsWidth);
  const room = Math.max(0, height - titleRows);
  const shown = groups.slice(0, groups.length <= room ? room : Math.max(0, room - 1));
  const rest = groups.slice(shown.length);
  const slots = rest.reduce((sum, {count}) => sum + count, 0);
  return (
    <>
      <Text role="heading">slots by application, role and client</Text>
      <Text role="muted">
        {columnsOf(['application', 'role', 'client', ' slots', 'active', 'idle', 'in tx'], widths)}
      </Text>
      {shown.map(group => (
        <GroupRow key={groupId(group)} group={group} widths={widths} />
      ))}
      {rest.length > 0 && <Text role="muted">{`${rest.length} more, with ${slots} slots`}</Text>}
    </>
  );
}

export function groupId({application_name, usename, client_addr}: BudgetGroup): string {
  return JSON.stringify([application_name, usename, client_addr]);
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

function GroupRow({group, widths}: {group: BudgetGroup; widths: Widths}) {
  const {application_name, usename, count, active, idle, idle_in_transaction} = group;
  const countOf = (sessions: number) => (isHidden(group) ? '-' : String(sessions));
  const columns = [application_name || '(no name)', usename, clientOf(group), String(count)];
  return (
    <PaintedRow
      spans={[
        span(columnsOf([...columns, countOf(active), countOf(idle)], widths)),
        span(countOf(idle_in_transaction).padStart(7), idle_in_transaction > 0 ? 'warning' : 'muted'),
      ]}
    />
  );
}

export function clientOf(group: BudgetGroup): string {
  return group.client_addr ?? (isHidden(group) ? '-' : 'local');
}

/** A session hidden from this role has no state and no client address. */
export function isHidden({active, idle, idle_in_transaction}: BudgetGroup): boolean {
  return active + idle + idle_in_transaction === 0;
}
