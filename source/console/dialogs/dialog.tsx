import {Measured} from '../components/measured.tsx';
import {overlayLines} from '../components/overlay-lines.ts';
import {Page} from '../components/page.tsx';
import {replayLines} from '../components/replay-page.ts';
import {useConsole} from '../components/store-context.ts';
import {Lines} from '../components/text.tsx';
import {useTheme} from '../components/theme-context.ts';
import type {Line} from '../screen/line.ts';
import type {ConsoleState} from '../state/state.ts';
import {Wizard} from '../wizard/wizard.tsx';

/** Whether something covers the view: a page of its own, a replay or a wizard. */
export function isDialogOpen({overlay, replay, wizard}: ConsoleState): boolean {
  return (overlay !== null && overlay.kind !== 'prompt') || replay !== null || wizard !== null;
}

/** What covers the view. */
export function Dialog() {
  return <Measured>{({width}) => <Top width={width} />}</Measured>;
}

/** To become components. */
function Top({width}: {width: number}) {
  const state = useConsole(whole => whole);
  const theme = useTheme();
  const {overlay, replay, wizard} = state;
  if (overlay !== null && overlay.kind !== 'prompt') {
    const explain = overlay.kind === 'statement' ? overlay.explain : null;
    return (
      <LinePage
        key={`${overlay.kind} ${explain === null}`}
        lines={overlayLines(state, overlay, width, theme)}
        width={width}
      />
    );
  }
  if (replay !== null)
    return (
      <LinePage
        key={`replay ${replay.document === null}`}
        lines={replayLines(replay, width, theme)}
        width={width}
      />
    );
  return wizard && <Wizard wizard={wizard} width={width} />;
}

function LinePage({lines, width}: {lines: Line[]; width: number}) {
  return (
    <Page>
      <Lines lines={lines} width={width} />
    </Page>
  );
}
