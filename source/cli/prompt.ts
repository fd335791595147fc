import type {CliContext} from './context.ts';

/** Asks a question on the terminal; null where the user closes it or interrupts. */
export type Prompt = (question: string) => Promise<string | null>;

/** undefined without a terminal. */
export function createPrompt(context: CliContext, signal: AbortSignal): Prompt | undefined {
  return context.stdin.isTTY ? question => prompt(context, question, signal) : undefined;
}

async function prompt(
  {stdin, stderr}: Pick<CliContext, 'stdin' | 'stderr'>,
  question: string,
  signal: AbortSignal,
): Promise<string | null> {
  const {createInterface} = await import('node:readline/promises');
  if (signal.aborted) return null;
  const lines = createInterface({input: stdin, output: stderr});
  const closed = new Promise<null>(resolve => lines.once('close', () => resolve(null)));
  const close = () => lines.close();
  signal.addEventListener('abort', close, {once: true});
  try {
    // A question that is closed is never answered; from Node 24 on it rejects.
    return await Promise.race([lines.question(question).catch(() => closed), closed]);
  } finally {
    signal.removeEventListener('abort', close);
    lines.close();
  }
}
