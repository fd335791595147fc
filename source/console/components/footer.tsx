import {Box} from 'ink';
import {Fragment} from 'react';
import {counted, formatMs} from '../../core/text/format.ts';
import {replayKeys} from '../dialogs/replay.tsx';
import {isAct, keyName, labelOf, whyDisabled} from '../input/key-meaning.ts';
import {bindings} from '../input/keymap.ts';
import {modeOf} from '../input/modes.ts';
import type {Notice, Prompt} from '../state/dialog.ts';
import type {ConsoleState} from '../state/state.ts';
import {wizardKeys} from '../wizard/wizard-keys.ts';
import {Field} from './field.tsx';
import {Measured} from './measured.tsx';
import {useLinesBelow} from './page.tsx';
import {useConsole} from './store-context.ts';
import {Text} from './text.tsx';

/** The prompt, or the notice, or the keys that work now. */
export function Footer() {
  const state = useConsole(whole => whole);
  const {overlay, notice, wizard, replay} = state;
  if (overlay?.kind === 'prompt') return <PromptLine prompt={overlay} />;
  const hasWizard = overlay === null && replay === null && wizard !== null;
  if (notice && !hasWizard && replay === null) return <NoticeText notice={notice} />;
  return (
    <Box height={1} flexShrink={0} justifyContent="space-between">
      {hasWizard && <Keys keys={wizardKeys(state, wizard)} />}
      {overlay === null && replay !== null && <Keys keys={replayKeys(replay)} />}
      {!hasWizard && (overlay !== null || replay === null) && <Hints hints={hintsOf(state)} />}
      <Box flexShrink={0}>
        {/* A notice does not cover the keys of the wizard. */}
        {notice && hasWizard ? <NoticeText notice={notice} /> : <Status state={state} />}
      </Box>
    </Box>
  );
}

function Keys({keys}: {keys: [key: string, label: string][]}) {
  return (
    <Text>
      {keys.map(([key, label]) => (
        <Fragment key={key}>
          <Text role="key">{`  ${key}`}</Text>
          {` ${label}`}
        </Fragment>
      ))}
    </Text>
  );
}

function NoticeText({notice: {text, severity}}: {notice: Notice}) {
  return <Text role={severity === 'info' ? 'accent' : severity}>{` ${text} `}</Text>;
}

/** What stands at the right: the next attempt to connect, lines below the screen, help and quit. */
function Status({state}: {state: ConsoleState}) {
  const below = useLinesBelow();
  const {link} = state;
  return (
    <Text>
      {link.kind === 'lost' && <Text role="muted">{` retry in ${formatMs(link.retry_in_ms)} `}</Text>}
      {below > 0 && <Text role="warning">{` ${counted(below, 'more line')} below: PgDn `}</Text>}
      {modeOf(state) === 'browse' && (
        <>
          <Text role="key"> ?</Text> help <Text role="key"> q</Text> quit{' '}
        </>
      )}
    </Text>
  );
}

type Hint = {key: string; label: string; reason: string | null};

/**
 * As many keys as fit, and why the first disabled one is disabled: what does not fit wraps into a second row, which
 * is not shown. Enter is shown only where it opens something.
 */
function Hints({hints}: {hints: Hint[]}) {
  const disabled = hints.find(({reason}) => reason !== null);
  return (
    <Box flexWrap="wrap" height={1} flexGrow={1} flexBasis={0} overflow="hidden">
      {hints
        .filter(({key, reason}) => key !== 'Enter' || reason === null)
        .map(({key, label, reason}) => (
          <Box key={key} flexShrink={0}>
            <Text>
              <Text role="key">{` ${key}`}</Text>
              <Text role={reason === null ? 'plain' : 'muted'}>{` ${label} `}</Text>
            </Text>
          </Box>
        ))}
      {disabled && (
        <Box flexShrink={0}>
          <Text role="muted">{` ${disabled.key}: ${disabled.reason} `}</Text>
        </Box>
      )}
    </Box>
  );
}

function hintsOf(state: ConsoleState): Hint[] {
  const mode = modeOf(state);
  return (
    bindings
      .filter(binding => binding.modes.includes(mode) && labelOf(binding, state) !== '')
      .filter(({views}) => views === undefined || views.includes(state.view))
      .map(binding => ({binding, key: binding.keys[0] ?? ''}))
      // In the past the keys that change something are not listed; pressed, they say why they do nothing.
      .filter(({binding, key}) => state.past === null || !isAct(binding, state, key))
      .map(({binding, key}) => ({
        key: keyName(key),
        label: labelOf(binding, state),
        reason: whyDisabled(binding, state, key),
      }))
  );
}

const promptHints = {
  filter: 'words, column:value, !word   Enter keeps the filter, Esc cancels',
  command: 'sessions, recipe NAME, sort, filter, interval, at, quit   Esc cancels',
};

function PromptLine({prompt}: {prompt: Prompt}) {
  const {purpose, error} = prompt;
  return (
    <Measured flexGrow={0} flexShrink={0} flexBasis={1} height={1}>
      {({width}) => (
        <Box justifyContent="space-between">
          <Box flexShrink={0} marginRight={2}>
            <Text>
              <Text role="key">{purpose === 'filter' ? ' /' : ' :'}</Text>
              <Field line={prompt} width={width - 4} role="strong" />
            </Text>
          </Box>
          <Text role={error ? 'danger' : 'muted'}>{`${error ?? promptHints[purpose]} `}</Text>
        </Box>
      )}
    </Measured>
  );
}
