import {Box} from 'ink';
import type {ReactNode} from 'react';
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
  const edge = (
    <Box width={1} flexShrink={0}>
      <Rows role="danger" rows={new Array<string>(rows - 2).fill(vertical)} />
    </Box>
  );
  return (
    <>
      <Box flexShrink={0}>
        <Box flexShrink={1}>
          <Text role="danger">
            {topLeft}
            {horizontal} PRODUCTION {name}{' '}
          </Text>
        </Box>
        <Box flexGrow={1} flexShrink={0} flexBasis={2} justifyContent="flex-end" overflow="hidden" height={1}>
          <Text role="danger">{horizontal.repeat(columns) + topRight}</Text>
        </Box>
      </Box>
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
