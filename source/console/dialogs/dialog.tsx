import {useConsole} from '../components/context.ts';
import {Measured} from '../components/measured.tsx';
import {PageWidth} from '../components/prose.tsx';
import type {ConsoleState} from '../state/state.ts';
import {Wizard} from '../wizard/wizard.tsx';
import {EndpointDetail} from './endpoint-detail.tsx';
import {FindingDetail} from './finding-detail.tsx';
import {Help} from './help.tsx';
import {OverviewDetail} from './overview-detail.tsx';
import {PoolDetail} from './pool-detail.tsx';
import {PoolerDetail} from './pooler-detail.tsx';
import {Replay} from './replay.tsx';
import {RowDetail} from './row-detail.tsx';
import {RunDetail} from './run-detail.tsx';
import {ServerDetail} from './server-detail.tsx';
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
    case 'row':
      return <RowDetail key={overlay.id} {...overlay} />;
    case 'finding':
      return <FindingDetail key={overlay.id} {...overlay} />;
    case 'pool':
      return <PoolDetail key={overlay.id} {...overlay} />;
    case 'pooler':
      return <PoolerDetail key={overlay.id} {...overlay} />;
    case 'endpoint':
      return <EndpointDetail key={overlay.id} />;
    case 'server':
      return <ServerDetail key={overlay.id} {...overlay} />;
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
