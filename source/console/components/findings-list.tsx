import {useMemo} from 'react';
import {formatAge} from '../../core/text/format.ts';
import type {Finding} from '../../model/recipe.ts';
import type {Unavailable} from '../../model/snapshot.ts';
import {uniqueKeys} from '../rows/arrange.ts';
import {orderedFindings} from '../rows/findings.ts';
import {fitText, shorten} from '../screen/line.ts';
import {findingId} from '../state/findings.ts';
import {useConsole, useTheme} from './context.ts';
import {Measured, type Size} from './measured.tsx';
import {Text} from './text.tsx';

/**
 * The findings with their recipes, and the sections that could not be read with the statement that would grant them. As
 * high as it needs to be, at most `most` rows, and less where there is no room.
 */
export function FindingsList({unavailable, most = Infinity}: {unavailable: Unavailable[]; most?: number}) {
  const {findings, tables} = useConsole(state => ({findings: state.findings, tables: state.tables}));
  const {bullet} = useTheme().symbols;
  const ordered = useMemo(() => orderedFindings({findings, tables}), [findings, tables]);
  const also = useConsole(state => state.assessment?.also ?? none);
  const needed = Math.min(most, 1 + findings.length + also.length + unavailable.length);
  return (
    <Measured name="findings" flexGrow={0} flexBasis={needed}>
      {({width, height}) => (
        <>
          <Text>
            <Text role="heading">findings</Text>
            {findings.length === 0 && <NoFinding />}
          </Text>
          <Findings
            findings={ordered}
            cursor={tables.overview.cursor}
            width={width}
            height={Math.max(1, height - 1 - unavailable.length)}
          />
          {also.slice(0, Math.max(0, height - 1 - findings.length - unavailable.length)).map(finding => (
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
  const assessed = useConsole(state => state.assessment?.assessed ?? null);
  if (assessed === null) return null;
  const {readings, window_ms, cannot_see} = assessed;
  const over = readings > 1 ? `${readings} readings over ${formatAge(window_ms)}` : 'one reading';
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
  const selected = findings.findIndex(finding => findingId(finding) === cursor);
  const first = Math.max(0, selected - room + 1);
  const shown = findings.slice(first, first + room);
  const more = findings.length - shown.length;
  const keys = uniqueKeys(shown.map(findingId));
  return (
    <>
      {shown.map((finding, index) => (
        <FindingRow
          key={keys[index]}
          finding={finding}
          letter={letters[findingId(finding)]}
          isSelected={first + index === selected}
          width={width}
        />
      ))}
      {more > 0 && <Text role="muted">{`  ${more} more in Recipes (5)`}</Text>}
    </>
  );
}

/** On narrower terminals severity and recipe are left out: the sign and the key say them. */
const leastWithWords = 100;

function FindingRow({
  finding: {severity, summary, recipe},
  letter,
  isSelected,
  width,
}: {
  finding: Finding;
  letter: string | undefined;
  isSelected: boolean;
  width: number;
}) {
  const {critical, warning, ellipsis} = useTheme().symbols;
  const isCritical = severity === 'critical';
  const hasWords = width >= leastWithWords;
  const sign = `${isCritical ? critical : warning} ${hasWords ? severity.padEnd(9) : ''}`;
  const key = letter === undefined ? '' : ` [${letter}]`;
  const name = hasWords ? ` ${recipe}` : '';
  const room = Math.max(10, width - sign.length - name.length - key.length);
  const text = fitText(shorten(summary, room, ellipsis), room);
  if (isSelected) return <Text role="selected">{sign + text + name + key}</Text>;
  return (
    <Text>
      <Text role={isCritical ? 'danger' : 'warning'}>{sign}</Text>
      {text}
      <Text role="muted">{name}</Text>
      <Text role="key">{key}</Text>
    </Text>
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
