import {Box} from 'ink';
import {useConsole} from '../components/context.ts';
import {Measured} from '../components/measured.tsx';
import {Page} from '../components/page.tsx';
import {BlankRow, Heading, PageWidth, PropertyRows, usePageWidth} from '../components/prose.tsx';
import {keyList} from '../input/key-meaning.ts';
import type {ConsoleState} from '../state/state.ts';
import {Wizard} from '../wizard/wizard.tsx';
import {FindingDetail} from './finding-detail.tsx';
import {OverviewDetail} from './overview-detail.tsx';
import {Replay} from './replay.tsx';
import {RunDetail} from './run-detail.tsx';
import {SessionDetail} from './session-detail.tsx';
import {StatementDetail} from './statement-detail.tsx';

/** Whether something covers the view: a page of its own, a replay or a wizard. */
export function isDialogOpen({overlay, replay, wizard}: ConsoleState): boolean {
  return (overlay !== null && overlay.kind !== 'prompt') || replay !== null || wizard !== null;
}

/** What covers the view. */
export function Dialog() {
  return (
    <Measured>
      {({width}) => (
        <PageWidth value={width}>
          <Open />
        </PageWidth>
      )}
    </Measured>
  );
}

/** What is on top: a page of its own also covers a wizard, whose run goes on. */
function Open() {
  const {overlay, replay, wizard} = useConsole(state => ({
    overlay: state.overlay,
    replay: state.replay,
    wizard: state.wizard,
  }));
  switch (overlay?.kind) {
    case 'help':
      return <Help />;
    case 'overview':
      return <OverviewDetail />;
    case 'finding':
      return <FindingDetail key={overlay.id} {...overlay} />;
    case 'session':
      return <SessionDetail key={overlay.id} {...overlay} />;
    case 'statement':
      return <StatementDetail key={overlay.id} {...overlay} />;
    case 'run':
      return <RunDetail key={overlay.run} {...overlay} />;
  }
  if (replay !== null) return <Replay replay={replay} />;
  return wizard && <Wizard wizard={wizard} />;
}

const headerParts = [
  {keys: '2s', help: 'how often the server is read; longer than set while reading is slow'},
  {keys: '5.20ms 31K', help: 'round trip of the last reading, and the size of the answer'},
  {keys: '14:03:20', help: 'when the snapshot shown was read, in UTC'},
];
const keysWidth = 22;
const leastForTwoColumns = 150;

/** All keys; in two columns on a wide terminal. */
function Help() {
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
      <BlankRow />
      <Heading>header</Heading>
      <BlankRow />
      <KeyRows keys={headerParts} width={width} />
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
