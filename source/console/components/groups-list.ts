import type {Budget, BudgetGroup} from '../../model/snapshot.ts';
import {textWidth} from '../screen/cell-width.ts';
import {fitText, type Line, line, padLines, span} from '../screen/line.ts';
import type {Area} from '../views/view.ts';

/** Width of the four counts and the gaps between the columns. */
const countsWidth = 31;
const longestAddress = 39;

/** The groups of sessions that use most slots, largest first, and how many did not fit. */
export function drawGroups({groups}: Budget, area: Area): Line[] {
  if (area.height < 2) return padLines([], area.height);
  const widths = nameWidths(groups, area.width - countsWidth);
  const room = area.height - 2;
  const shown = groups.slice(0, groups.length <= room ? room : room - 1);
  const titles = ['application', 'role', 'client', ' slots', 'active', 'idle', 'in tx'];
  return padLines(
    [
      line(span('slots by application, role and client', 'heading')),
      line(span(columnsOf(titles, widths), 'muted')),
      ...shown.map(group => drawGroup(group, widths)),
      ...moreLines(groups.slice(shown.length)),
    ],
    area.height,
  );
}

/** The client column is as wide as its longest address; the two names share the rest. */
function nameWidths(groups: BudgetGroup[], room: number): [number, number, number] {
  const longest = Math.max(...groups.map(group => textWidth(clientOf(group).slice(0, longestAddress))), 10);
  const client = Math.min(longest, Math.floor(room / 3));
  const names = room - client;
  return [Math.ceil(names / 2), Math.floor(names / 2), client];
}

function columnsOf(
  [application = '', role = '', client = '', ...counts]: string[],
  widths: number[],
): string {
  const names = [application, role, client].map((name, index) => fitText(name, widths[index] ?? 0));
  return [...names, ...counts.map(count => count.padStart(6))].join(' ');
}

function drawGroup(group: BudgetGroup, widths: number[]): Line {
  const {application_name, usename, count, active, idle, idle_in_transaction} = group;
  const names = [application_name || '(no name)', usename, clientOf(group)];
  const [running, waiting, open] = [active, idle, idle_in_transaction].map(of =>
    isHidden(group) ? '-' : String(of),
  );
  return line(
    columnsOf([...names, String(count), running ?? '', waiting ?? ''], widths),
    span((open ?? '').padStart(7), idle_in_transaction > 0 ? 'warning' : 'muted'),
  );
}

function clientOf(group: BudgetGroup): string {
  return group.client_addr ?? (isHidden(group) ? '-' : 'local');
}

/** A session hidden from this role has no state and no client address. */
function isHidden({active, idle, idle_in_transaction}: BudgetGroup): boolean {
  return active + idle + idle_in_transaction === 0;
}

function moreLines(rest: BudgetGroup[]): Line[] {
  if (rest.length === 0) return [];
  const slots = rest.reduce((sum, {count}) => sum + count, 0);
  return [line(span(`${rest.length} more, with ${slots} slots`, 'muted'))];
}
