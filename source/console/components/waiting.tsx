import {Box} from 'ink';
import {useConsole} from './store-context.ts';
import {Text} from './text.tsx';

/** Before the first snapshot: what the console waits for, and how to quit. */
export function Waiting() {
  const link = useConsole(state => state.link);
  return (
    <Box flexDirection="column" flexGrow={1} justifyContent="center" paddingX={2}>
      <Text role={link.kind === 'lost' ? 'danger' : 'strong'} wrap="wrap">
        {link.kind === 'live' ? 'reading the first snapshot' : link.message}
      </Text>
      {link.kind === 'lost' && link.hint && <Text wrap="wrap">{link.hint}</Text>}
      <Text role="muted">q quits</Text>
    </Box>
  );
}
