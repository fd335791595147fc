import {spawn} from 'node:child_process';
import type {UrlSource} from '../core/configuration.ts';
import {AbortError, exitCodes, usageError} from '../core/errors.ts';

/** Time to unlock a vault by hand. */
const commandEndsWithinMs = 60_000;

/**
 * The address that a configuration names. A command's words are the shell's, its questions and complaints are on the
 * terminal; what it prints, and the address itself, is in no error. Throws AbortError: exit 2 for a variable that is
 * not set, 3 where the command fails.
 */
export async function resolveUrl(
  {kind, text}: UrlSource,
  {env, name}: {env: Readonly<Record<string, string | undefined>>; name: string},
): Promise<string> {
  if (kind === 'literal') return text;
  if (kind === 'command') return printedBy(text, env, name);
  const address = env[text]?.trim();
  if (address) return address;
  throw usageError(
    `${text} is not set, and ${name} is to be found there`,
    `Set it, or name the address in the call.`,
  );
}

function printedBy(
  command: string,
  env: Readonly<Record<string, string | undefined>>,
  name: string,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, {
      shell: true,
      env,
      stdio: ['inherit', 'pipe', 'inherit'],
      timeout: commandEndsWithinMs,
    });
    let printed = '';
    child.stdout.setEncoding('utf8').on('data', text => {
      printed += text;
    });
    const fail = (why: string) =>
      reject(
        new AbortError(`the command of ${name} ${why}`, {
          hint: 'It is to print the address and to exit with 0.',
          exitCode: exitCodes.connection,
        }),
      );
    child.on('error', () => fail('cannot be started'));
    child.on('close', (code, signal) => {
      const [address = ''] = printed.trim().split('\n');
      if (code !== 0) fail(signal === null ? `exited with ${code}` : `was ended by ${signal}`);
      else if (address.trim() === '') fail('printed nothing');
      else resolve(address.trim());
    });
  });
}
