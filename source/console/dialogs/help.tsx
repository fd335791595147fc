import {Box} from 'ink';
import {useConsole, useTheme} from '../components/context.ts';
import {Page} from '../components/page.tsx';
import {BlankRow, Heading, PageWidth, PropertyRows, usePageWidth} from '../components/prose.tsx';
import {type KeyGroup, type KeyRow, keyGroups} from '../input/key-meaning.ts';
import type {Theme} from '../screen/theme.ts';
import {viewOf} from '../views/index.ts';

const leastForTwoColumns = 150;

/** The keys and columns of the view that is open, the header, then all other keys; in two columns on a wide terminal. */
export function Help() {
  const width = usePageWidth();
  const {symbols} = useTheme();
  const view = viewOf(useConsole(state => state.view));
  const own = `keys of ${view.title}`;
  const groups = keyGroups(view.id);
  const first: KeyGroup[] = [
    ...groups.filter(({title}) => title === own),
    {title: `on ${view.title}`, rows: view.legend(symbols)},
    {title: 'header and tabs', rows: headerLegend(symbols)},
  ];
  const others = groups.filter(({title}) => title !== own);
  if (width < leastForTwoColumns)
    return (
      <Page>
        <Groups groups={[...first, ...others]} />
      </Page>
    );
  const [every, ...rest] = others;
  return (
    <Page>
      <Box>
        {[
          [...first, ...rest.slice(0, 1)],
          [...(every ? [every] : []), ...rest.slice(1)],
        ].map((column, index) => (
          <PageWidth key={index} value={Math.floor(width / 2)}>
            <Box flexDirection="column" width={Math.floor(width / 2)} flexShrink={0}>
              <Groups groups={column} />
            </Box>
          </PageWidth>
        ))}
      </Box>
    </Page>
  );
}

function headerLegend({live, stale, frozen}: Theme['symbols']): KeyRow[] {
  return [
    {keys: `${live} ${stale}`, help: 'connected, or stale: the connection is lost'},
    {keys: '2s', help: 'how often the server is read; slower if reading is slow'},
    {keys: '5.20ms 31K', help: 'round trip of the last snapshot, size of its answer'},
    {keys: '14:03:20Z', help: 'when the snapshot shown was read, in UTC'},
    {keys: 'Overview 2!', help: 'findings; beside other tabs rows, waits or changes'},
    {
      keys: `order frozen ${frozen}`,
      help: 'rows keep their places while one is selected',
    },
  ];
}

function Groups({groups}: {groups: KeyGroup[]}) {
  return groups.map(({title, rows}, index) => (
    <Box key={title} flexDirection="column" flexShrink={0}>
      {index > 0 && <BlankRow />}
      <Heading>{title}</Heading>
      {rows.map(({keys, help}) => (
        <PropertyRows key={`${keys} ${help}`} name={keys} value={help} nameWidth={keysWidth} nameRole="key" />
      ))}
    </Box>
  ));
}

const keysWidth = 22;
