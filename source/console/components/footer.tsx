import {Box} from 'ink';
import {counted, formatMs} from '../../core/text/format.ts';
import {replayKeys} from '../dialogs/replay.tsx';
import {keyName, labelOf, whyDisabled} from '../input/key-meaning.ts';
import {bindings} from '../input/keymap.ts';
import {modeOf} from '../input/modes.ts';
import {completionOf} from '../state/command-line.ts';
import type {Notice, Prompt} from '../state/dialog.ts';
import type {ConsoleState} from '../state/state.ts';
import {wizardKeys} from '../wizard/wizard.tsx';
import {useConsole} from './context.ts';
import {Field} from './field.tsx';
import {Measured} from './measured.tsx';
import {useLinesBelow} from './page.tsx';
import {Text} from './text.tsx';

/** The prompt, or the notice, or the keys that work now. The way out of a page is never cut. */
export function Footer() {
  const {prompt, notice, top} = useConsole(state => ({
    prompt: state.overlay?.kind === 'prompt' ? state.overlay : null,
    notice: state.notice,
    top: topOf(state),
  }));
  if (prompt !== null) return <PromptLine prompt={prompt} />;
  if (notice && top === 'view') return <NoticeText notice={notice} />;
  return (
    <Box height={1} flexShrink={0} justifyContent="space-between">
      {top === 'wizard' ? <WizardKeys /> : <Hints />}
      <Box>{notice ? <NoticeText notice={notice} /> : <Status />}</Box>
    </Box>
  );
}

/** Whose keys are shown; a page on top of a wizard has its own. A replay is shown like a wizard. */
function topOf({overlay, replay, wizard}: ConsoleState): 'view' | 'page' | 'wizard' {
  if (overlay !== null) return 'page';
  return replay === null && wizard === null ? 'view' : 'wizard';
}

/** These are cut before what stands at the right is. */
const cutFirst = 1000;

/** The keys of a wizard or a replay. */
function WizardKeys() {
  const keys = inGroups(
    2,
    useConsole(state => {
      const {replay, wizard} = state;
      return replay !== null
        ? replayKeys(replay).flat()
        : wizard === null
          ? []
          : wizardKeys(state, wizard).flat();
    }),
  );
  return (
    <>
      {keys.map(([key = '', label]) => (
        <Box key={key} flexShrink={key.startsWith('Esc') ? 0 : cutFirst}>
          <Text>
            <Text role="key">{`  ${key}`}</Text>
            {` ${label}`}
          </Text>
        </Box>
      ))}
      <Box flexGrow={1} />
    </>
  );
}

/** Groups a list that was flattened for `useConsole`, which compares its members: inner lists would be new each time. */
function inGroups<Member>(size: number, members: Member[]): Member[][] {
  return Array.from({length: members.length / size}, (_, index) =>
    members.slice(index * size, (index + 1) * size),
  );
}

function NoticeText({notice: {text, severity}}: {notice: Notice}) {
  return <Text role={severity === 'info' ? 'accent' : severity}>{` ${text} `}</Text>;
}

const leastForWords = 60;

/** When poolctl connects again; null while it is connected. */
function retryText({link}: ConsoleState): string | null {
  if (link.kind !== 'lost') return null;
  return link.retry_in_ms === null ? 'not tried again: Ctrl-R' : `retry in ${formatMs(link.retry_in_ms)}`;
}

/** What stands at the right: the next attempt to connect, lines below the screen, help and quit. */
function Status() {
  const below = useLinesBelow();
  const {columns, retry, isBrowsing} = useConsole(state => ({
    columns: state.columns,
    retry: retryText(state),
    isBrowsing: modeOf(state) === 'browse',
  }));
  return (
    <Text>
      {retry !== null && <Text role="warning">{` ${retry} `}</Text>}
      {below > 0 && (
        <Text role="warning">
          {columns < leastForWords ? ` PgDn: ${below} more ` : ` ${counted(below, 'more line')} below: PgDn `}
        </Text>
      )}
      {isBrowsing && (
        <>
          <Text role="key"> ?</Text> help <Text role="key"> q</Text> quit{' '}
        </>
      )}
    </Text>
  );
}

/**
 * The way out of a page, as many other keys as fit, and why the first disabled one is disabled: what does not fit wraps
 * into a second row, which is not shown. Enter is shown only where it opens something.
 */
function Hints() {
  const hints = inGroups(
    3,
    useConsole(state => hintsOf(state).flat()),
  );
  const disabled = hints.find(([, , reason]) => reason !== null);
  return (
    <>
      {hints.filter(isWayOut).map(hint => (
        <Hint key={hint[0]} hint={hint} />
      ))}
      <Box flexWrap="wrap" height={1} flexGrow={1} flexBasis={0} overflow="hidden">
        {hints
          .filter(hint => !isWayOut(hint) && (hint[0] !== 'Enter' || hint[2] === null))
          .map(hint => (
            <Hint key={hint[0]} hint={hint} />
          ))}
        {disabled && (
          <Box flexShrink={0}>
            <Text role="muted">{` ${disabled[0]}: ${disabled[2]} `}</Text>
          </Box>
        )}
      </Box>
    </>
  );
}

/** The key's name, its label, and why it does nothing now. */
type KeyHint = (string | null)[];

function isWayOut([key]: KeyHint): boolean {
  return key === 'Esc';
}

function Hint({hint: [key, label, reason]}: {hint: KeyHint}) {
  return (
    <Box flexShrink={0}>
      <Text>
        <Text role="key">{` ${key}`}</Text>
        <Text role={reason === null ? 'plain' : 'muted'}>{` ${label} `}</Text>
      </Text>
    </Box>
  );
}

/** The keys of the footer with their labels, and why one does nothing now. */
function hintsOf(state: ConsoleState): [key: string, label: string, reason: string | null][] {
  const mode = modeOf(state);
  return (
    bindings
      .filter(binding => binding.modes.includes(mode) && labelOf(binding, state) !== '')
      .filter(({views}) => views === undefined || views.includes(state.view) || mode === 'sessionPreview')
      .map(binding => ({binding, key: binding.keys[0] ?? ''}))
      // In the past the keys that change something are not listed; pressed, they say why they do nothing.
      .filter(({binding}) => state.past === null || !binding.needsServer?.(state))
      .map(({binding, key}) => [keyName(key), labelOf(binding, state), whyDisabled(binding, state, key)])
  );
}

const filterHint = 'words, column:value, !word   Enter keeps the filter,';

/** What Tab can complete, or what a filter is made of. */
function promptHint(state: ConsoleState): string {
  const {candidates, from} = completionOf(state);
  const typed = state.overlay?.kind === 'prompt' ? state.overlay.text.slice(from) : '';
  const names = candidates
    .filter(each => each !== typed)
    .map(each => each.trim())
    .join('  ');
  if (names !== '') return `Tab: ${names}  `;
  return state.overlay?.kind === 'prompt' && state.overlay.purpose === 'filter' ? filterHint : '';
}

const wayOut = ' Esc cancels ';

function PromptLine({prompt}: {prompt: Prompt}) {
  const {purpose, error} = prompt;
  const hint = useConsole(promptHint);
  return (
    <Measured flexGrow={0} flexShrink={0} flexBasis={1} height={1}>
      {({width}) => (
        <Box justifyContent="space-between">
          <Box flexShrink={0} marginRight={1}>
            <Text>
              <Text role="key">{purpose === 'filter' ? ' /' : ' :'}</Text>
              <Field line={prompt} width={width - wayOut.length - 3} role="strong" />
            </Text>
          </Box>
          <Box>
            <Text role={error ? 'danger' : 'muted'}>{error ?? hint}</Text>
            <Box flexShrink={0}>
              <Text role="muted">{error ? ' ' : wayOut}</Text>
            </Box>
          </Box>
        </Box>
      )}
    </Measured>
  );
}
