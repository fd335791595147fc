import {useMemo} from 'react';
import {formatSpan} from '../../core/text/format.ts';
import type {Finding} from '../../model/recipe.ts';
import type {Unavailable} from '../../model/snapshot.ts';
import {uniqueKeys} from '../rows/arrange.ts';
import {orderedFindings} from '../rows/findings.ts';
import {fitText, shorten, wrapText} from '../screen/line.ts';
import {tableOf} from '../state/browsing.ts';
import {findingId} from '../state/findings.ts';
import {outageText} from '../state/past.ts';
import {useConsole, useTheme} from './context.ts';
import {Measured, type Size} from './measured.tsx';
import {Rows, Text} from './text.tsx';

/**
 * The findings with their recipes, and the sections that could not be read with the statement that would grant them. As
 * high as it needs to be, at most `most` rows, and less where there is no room.
 */
export function FindingsList({unavailable, most = Infinity}: {unavailable: Unavailable[]; most?: number}) {
  const {findings, tables} = useConsole(state => ({findings: state.findings, tables: state.tables}));
  const {bullet} = useTheme().symbols;
  const ordered = useMemo(() => orderedFindings({findings, tables}), [findings, tables]);
  const also = useConsole(state => state.assessment?.also ?? none);
  const columns = useConsole(state => state.columns);
  const extra = extraRows(ordered.slice(0, mostWhole), columns);
  const needed = Math.min(most, 1 + findings.length + extra + also.length + unavailable.length);
  return (
    <Measured name="findings" flexGrow={0} flexBasis={needed}>
      {({width, height}) => (
        <>
          <Text>
            <Text role="heading">findings</Text>
            <NoFinding />
          </Text>
          <Findings
            findings={ordered}
            cursor={tableOf({tables}, 'overview').cursor}
            width={width}
            height={Math.max(1, height - 1 - unavailable.length)}
          />
          {also
            .slice(0, Math.max(0, height - 1 - findings.length - extra - unavailable.length))
            .map(finding => (
              <Text key={findingId(finding)} role="muted">
                {fitText(`${bullet} ${finding.summary}`, width)}
              </Text>
            ))}
          {unavailable.map(part => (
            <UnavailableRow key={part.section} {...part} />
          ))}
        </>
      )}
    </Measured>
  );
}

const none: readonly Finding[] = [];

/** What was looked at, over how long: no finding is no proof that all is well. */
function NoFinding() {
  const {assessed, outage, hasFindings} = useConsole(state => ({
    assessed: state.assessment?.assessed ?? null,
    outage: state.past?.outage ?? null,
    hasFindings: state.findings.length > 0,
  }));
  if (outage !== null)
    return <Text role="danger">{`  findings from before the outage; ${outageText(outage)}`}</Text>;
  if (assessed === null || hasFindings) return null;
  const {readings, window_ms, cannot_see} = assessed;
  const over = readings > 1 ? `${readings} snapshots over ${formatSpan(window_ms)}` : 'one snapshot';
  return (
    <>
      <Text role="good">{`  none in ${over}`}</Text>
      <Text role="muted">
        {cannot_see.length === 0 ? '' : `; not visible from here: ${cannot_see.join(', ')}`}
      </Text>
    </>
  );
}

/** As many as fit, the selected one among them, and how many more there are. */
function Findings({findings, cursor, width, height}: {findings: Finding[]; cursor: string | null} & Size) {
  const letters = useConsole(state => state.letters);
  const room = findings.length <= height ? height : Math.max(1, height - 1);
  const selected = cursor === null ? 0 : findings.findIndex(finding => findingId(finding) === cursor);
  const first = Math.max(0, selected - room + 1);
  const shown = findings.slice(first, first + room);
  const more = findings.length - shown.length;
  const keys = uniqueKeys(shown.map(findingId));
  const isWhole = (index: number) =>
    first === 0 &&
    index < mostWhole &&
    height >= findings.length + extraRows(findings.slice(0, index + 1), width);
  return (
    <>
      {shown.map((finding, index) => (
        <FindingRow
          key={keys[index]}
          finding={finding}
          letter={letters[findingId(finding)]}
          isSelected={first + index === selected}
          isWhole={isWhole(index)}
          width={width}
        />
      ))}
      {more > 0 && <Text role="muted">{`  ${more} more in Recipes (5)`}</Text>}
    </>
  );
}

/** On narrower terminals severity and recipe are left out: the sign and the key say them. */
const leastWithWords = 100;

/** Cells beside the summary: sign, recipe and key. */
function besideOf({severity, recipe}: Finding, width: number): {words: string; name: string} {
  const hasWords = width >= leastWithWords;
  return {words: hasWords ? severity.padEnd(9) : '', name: hasWords ? ` ${recipe}` : ''};
}

const keyWidth = ' [a]'.length;
const mostRows = 3;
/** The first findings are shown uncut: they are what the reader acts on. */
const mostWhole = 2;

/** Rows that these findings take in addition to one each. */
function extraRows(findings: readonly Finding[], width: number): number {
  return findings.reduce((sum, finding) => sum + rowsOf(finding, width).length - 1, 0);
}

/** The summary wrapped into up to three rows. */
function rowsOf(finding: Finding, width: number): string[] {
  const {words, name} = besideOf(finding, width);
  return wrapText(finding.summary, width - 2 - words.length - name.length - keyWidth).slice(0, mostRows);
}

function FindingRow({
  finding,
  letter,
  isSelected,
  isWhole,
  width,
}: {
  finding: Finding;
  letter: string | undefined;
  isSelected: boolean;
  /** In as many rows as it takes. */
  isWhole: boolean;
  width: number;
}) {
  const {severity, summary} = finding;
  const {critical, warning, ellipsis} = useTheme().symbols;
  const isCritical = severity === 'critical';
  const {words, name} = besideOf(finding, width);
  const sign = `${isCritical ? critical : warning} ${words}`;
  const key = letter === undefined ? '' : ` [${letter}]`;
  const room = Math.max(10, width - sign.length - name.length - key.length);
  const [line = '', ...rest] = isWhole ? rowsOf(finding, width) : [shorten(summary, room, ellipsis)];
  const text = fitText(line, room);
  const more = rest.map(row => fitText(' '.repeat(sign.length) + row, width));
  if (isSelected) return <Rows role="selected" rows={[sign + text + name + key, ...more]} />;
  return (
    <>
      <Text>
        <Text role={isCritical ? 'danger' : 'warning'}>{sign}</Text>
        {text}
        <Text role="muted">{name}</Text>
        <Text role="key">{key}</Text>
      </Text>
      {more.length > 0 && <Rows rows={more} />}
    </>
  );
}

function UnavailableRow({reason, remedy}: Unavailable) {
  const {stale} = useTheme().symbols;
  return (
    <Text>
      <Text role="warning">{`${stale} unseen   ${remedy} `}</Text>
      <Text role="muted">{reason}</Text>
    </Text>
  );
}
