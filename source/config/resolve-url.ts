import {spawn} from 'node:child_process';
import type {UrlSource} from '../core/configuration.ts';
import {AbortError, exitCodes, usageError} from '../core/errors.ts';

/** Long enough to unlock a password manager by hand. */
const commandTimeoutMs = 60_000;

/**
 * The URL of a target. A command runs in a shell with the terminal's stdin and stderr; no error quotes its output or the
 * URL. Throws AbortError: exit 2 if the variable is not set, 3 if the command fails.
 */
export async function resolveUrl(
  {kind, text}: UrlSource,
  {env, name}: {env: Readonly<Record<string, string | undefined>>; name: string},
): Promise<string> {
  if (kind === 'literal') return text;
  if (kind === 'command') return outputOf(text, env, name);
  const url = env[text]?.trim();
  if (url) return url;
  throw usageError(`${text} is not set: it holds ${name}`, 'Set the variable, or give a URL in the call.');
}

function outputOf(
  command: string,
  env: Readonly<Record<string, string | undefined>>,
  name: string,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, {
      shell: true,
      env,
      stdio: ['inherit', 'pipe', 'inherit'],
      timeout: commandTimeoutMs,
    });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', text => {
      output += text;
    });
    const fail = (why: string) =>
      reject(
        new AbortError(`the command for ${name} ${why}`, {
          hint: 'It must print the URL and exit with 0.',
          exitCode: exitCodes.connection,
        }),
      );
    child.on('error', () => fail('cannot be started'));
    child.on('close', (code, signal) => {
      const [url = ''] = output.trim().split('\n');
      if (code !== 0) fail(signal === null ? `exited with ${code}` : `was ended by ${signal}`);
      else if (url.trim() === '') fail('printed nothing');
      else resolve(url.trim());
    });
  });
}
