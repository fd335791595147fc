import type {Finding} from '../../model/recipe.ts';
import type {Unavailable} from '../../model/snapshot.ts';
import {fitText, type Line, line, padLines, span} from '../screen/line.ts';
import type {Theme} from '../screen/theme.ts';
import {findingId} from '../state/findings.ts';
import type {ConsoleState} from '../state/state.ts';
import type {Area} from '../views/view.ts';
import {shorten} from './shorten.ts';

type FindingsSlice = Pick<ConsoleState, 'findings' | 'letters'> & {
  unavailable: Unavailable[];
  cursor: string | null;
};

/** On narrower terminals severity and recipe are left out: the sign and the key say them. */
const leastWithWords = 100;

/** The findings with their recipes, and the sections that could not be read with the statement that would grant them. */
export function drawFindings(slice: FindingsSlice, area: Area, theme: Theme): Line[] {
  const {findings, unavailable} = slice;
  const allIsWell = unavailable.length === 0 ? '  none: all is well' : '  none in what this role can see';
  return padLines(
    [
      line(span('findings', 'heading'), span(findings.length === 0 ? allIsWell : '', 'good')),
      ...findingRows(slice, {...area, height: Math.max(1, area.height - 1 - unavailable.length)}, theme),
      ...unavailable.map(part => drawUnavailable(part, theme)),
    ],
    area.height,
  );
}

/** As many as fit, the selected one among them, and how many more there are. */
function findingRows(slice: FindingsSlice, area: Area, theme: Theme): Line[] {
  const {findings, cursor} = slice;
  const room = findings.length <= area.height ? area.height : Math.max(1, area.height - 1);
  const selected = findings.findIndex(finding => findingId(finding) === cursor);
  const first = Math.max(0, selected - room + 1);
  const rows = findings.slice(first, first + room).map(finding => drawFinding(finding, slice, area, theme));
  const more = findings.length - rows.length;
  return more === 0 ? rows : [...rows, line(span(`  ${more} more in Recipes (5)`, 'muted'))];
}

function drawFinding(finding: Finding, {cursor, letters}: FindingsSlice, {width}: Area, theme: Theme): Line {
  const {critical, warning, ellipsis} = theme.symbols;
  const isCritical = finding.severity === 'critical';
  const hasWords = width >= leastWithWords;
  const sign = `${isCritical ? critical : warning} ${hasWords ? finding.severity.padEnd(9) : ''}`;
  const id = findingId(finding);
  const key = letters[id] === undefined ? '' : ` [${letters[id]}]`;
  const recipe = hasWords ? ` ${finding.recipe}` : '';
  const room = Math.max(10, width - sign.length - recipe.length - key.length);
  const spans = [
    span(sign, isCritical ? 'danger' : 'warning'),
    span(fitText(shorten(finding.summary, room, ellipsis), room)),
    span(recipe, 'muted'),
    span(key, 'key'),
  ];
  return cursor === id ? {spans, isSelected: true} : {spans};
}

function drawUnavailable({reason, remedy}: Unavailable, theme: Theme): Line {
  return line(span(`${theme.symbols.stale} unseen   ${remedy} `, 'warning'), span(reason, 'muted'));
}
