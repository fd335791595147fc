import {Box} from 'ink';
import {Page} from '../components/page.tsx';
import {BlankRow, Heading, PageWidth, PropertyRows, usePageWidth} from '../components/prose.tsx';
import {keyList} from '../input/key-meaning.ts';

const keysWidth = 22;
const leastForTwoColumns = 150;

/** All keys; in two columns on a wide terminal. */
export function Help() {
  const width = usePageWidth();
  const keys = keyList();
  const half = Math.ceil(keys.length / 2);
  return (
    <Page>
      <Heading>keys</Heading>
      <BlankRow />
      {width < leastForTwoColumns ? (
        <KeyRows keys={keys} width={width} />
      ) : (
        <Box>
          <KeyRows keys={keys.slice(0, half)} width={Math.floor(width / 2)} />
          <KeyRows keys={keys.slice(half)} width={Math.floor(width / 2)} />
        </Box>
      )}
    </Page>
  );
}

function KeyRows({keys, width}: {keys: ReturnType<typeof keyList>; width: number}) {
  return (
    <PageWidth value={width}>
      <Box flexDirection="column" width={width} flexShrink={0}>
        {keys.map(({keys: names, help}) => (
          <PropertyRows
            key={`${names} ${help}`}
            name={names}
            value={help}
            nameWidth={keysWidth}
            nameRole="key"
          />
        ))}
      </Box>
    </PageWidth>
  );
}
