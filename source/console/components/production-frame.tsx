import {Box} from 'ink';
import type {ReactNode} from 'react';
import {sanitise} from '../../core/text/sanitise.ts';
import {textWidth} from '../screen/cell-width.ts';
import {fitText} from '../screen/line.ts';
import {useConsole} from './store-context.ts';
import {Rows, Text} from './text.tsx';
import {useTheme} from './theme-context.ts';

/** A red frame that names a target marked production, so that it is not mistaken for another. */
export function ProductionFrame({
  columns,
  rows,
  children,
}: {
  columns: number;
  rows: number;
  children: ReactNode;
}) {
  const {
    symbols: {
      corners: [topLeft, topRight, bottomLeft, bottomRight],
      horizontal,
      vertical,
    },
  } = useTheme();
  const name = useConsole(({snapshot, address}) =>
    snapshot
      ? `${snapshot.target.host} database ${snapshot.target.database} as ${snapshot.target.user}`
      : address,
  );
  const title = sanitise(` PRODUCTION ${name} `);
  const shown = textWidth(title) <= columns - 4 ? title : fitText(title, columns - 4);
  const rule = columns - 3 - textWidth(shown);
  const edge = (
    <Box width={1} flexShrink={0}>
      <Rows role="danger" rows={new Array<string>(rows - 2).fill(vertical)} />
    </Box>
  );
  return (
    <>
      <Text role="danger">{topLeft + horizontal + shown + horizontal.repeat(rule) + topRight}</Text>
      <Box flexGrow={1} flexBasis={0}>
        {edge}
        <Box flexDirection="column" flexGrow={1} flexBasis={0}>
          {children}
        </Box>
        {edge}
      </Box>
      <Text role="danger">{bottomLeft + horizontal.repeat(columns - 2) + bottomRight}</Text>
    </>
  );
}
