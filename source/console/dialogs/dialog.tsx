import {Measured} from '../components/measured.tsx';
import {Page} from '../components/page.tsx';
import {PageWidth, usePageWidth} from '../components/prose.tsx';
import {replayLines} from '../components/replay-page.ts';
import {useConsole} from '../components/store-context.ts';
import {Lines} from '../components/text.tsx';
import {useTheme} from '../components/theme-context.ts';
import type {ConsoleState} from '../state/state.ts';
import {Wizard} from '../wizard/wizard.tsx';
import {Help} from './help.tsx';
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
  const width = usePageWidth();
  const {overlay, replay, wizard} = useConsole(state => ({
    overlay: state.overlay,
    replay: state.replay,
    wizard: state.wizard,
  }));
  switch (overlay?.kind) {
    case 'help':
      return <Help />;
    case 'session':
      return <SessionDetail key={overlay.id} {...overlay} />;
    case 'statement':
      return <StatementDetail key={overlay.id} {...overlay} />;
    case 'run':
      return <RunDetail key={overlay.run} {...overlay} />;
  }
  if (replay !== null) return <Replay />;
  return wizard && <Wizard wizard={wizard} width={width} />;
}

function Replay() {
  const replay = useConsole(state => state.replay);
  const width = usePageWidth();
  const theme = useTheme();
  return (
    replay && (
      <Page key={String(replay.document === null)}>
        <Lines lines={replayLines(replay, width, theme)} width={width} />
      </Page>
    )
  );
}
