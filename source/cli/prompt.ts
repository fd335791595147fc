import type {CliContext} from './context.ts';

/** Asks on the terminal; null where the user leaves, or `signal` says that the program is to end. */
export async function prompt(
  {stdin, stderr}: Pick<CliContext, 'stdin' | 'stderr'>,
  question: string,
  signal: AbortSignal,
): Promise<string | null> {
  const {createInterface} = await import('node:readline/promises');
  if (signal.aborted) return null;
  const lines = createInterface({input: stdin, output: stderr});
  const left = new Promise<null>(resolve => lines.once('close', () => resolve(null)));
  const leave = () => lines.close();
  signal.addEventListener('abort', leave, {once: true});
  try {
    // What closes while it is asked is never answered, or (Node 24 and later) rejects.
    return await Promise.race([lines.question(question).catch(() => left), left]);
  } finally {
    signal.removeEventListener('abort', leave);
    lines.close();
  }
}
