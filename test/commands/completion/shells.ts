import {execFile} from 'node:child_process';
import {readFile, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import process from 'node:process';
import {promisify} from 'node:util';
import {temporaryFolder} from '../../cli/execution/acting.ts';
import {unpackDebianPackages} from '../../helpers/cached-folder.ts';

const run = promisify(execFile);

/** A shell. `root` is the folder with its unpacked packages; null if it is installed. */
export type Shell = {program: string; root: string | null};

const packages = {
  zsh: ['zsh', 'zsh-common'],
  fish: ['fish', 'fish-common', 'libpcre2-32-0'],
};
const programs = {zsh: 'bin/zsh', fish: 'usr/bin/fish'};

/** The machine's shell, else Debian's, unpacked without installing it. A string is the reason why there is none. */
export async function findShell(name: 'zsh' | 'fish'): Promise<Shell | string> {
  try {
    await run(name, ['-c', 'exit 0']);
    return {program: name, root: null};
  } catch {}
  try {
    const root = await unpackDebianPackages(name, async () => packages[name]);
    const shell = {program: join(root, programs[name]), root};
    await run(shell.program, ['-c', 'exit 0'], {env: environmentOf(shell)});
    return shell;
  } catch (error) {
    return `it is not installed, and cannot be downloaded: ${String(error).split('\n', 1)[0]}`;
  }
}

/** The environment in which a shell that is not installed finds its libraries. */
export function environmentOf({root}: Shell): NodeJS.ProcessEnv {
  return {
    ...process.env,
    ...(root !== null && {LD_LIBRARY_PATH: join(root, 'usr/lib/x86_64-linux-gnu')}),
  };
}

/** The completions at the end of each line. */
export type Offers = (lines: readonly string[], cwd?: string) => Promise<string[][]>;

/** Runs fish, which prints the completions of a line. */
export function offersOfFish(shell: Shell, script: string): Offers {
  return async (lines, cwd) => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'poolctl.fish'), script);
    const code = [
      ...(shell.root === null
        ? []
        : [`set fish_function_path ${join(shell.root, 'usr/share/fish/functions')}`]),
      'set fish_complete_path',
      `source ${join(folder, 'poolctl.fish')}`,
      'for line in $argv; echo "> $line"; complete -C $line; end',
    ];
    const {stdout, stderr} = await run(
      shell.program,
      ['--no-config', '-c', code.join('\n'), '--', ...lines],
      {cwd: cwd ?? folder, env: {...environmentOf(shell), HOME: folder}},
    );
    if (stderr !== '') throw new Error(stderr);
    return sections(stdout, lines).map(words => words.map(word => word.split('\t', 1)[0] ?? ''));
  };
}

/** Runs zsh in a terminal, as it completes only while a line is edited. */
export function offersOfZsh({program, root}: Shell, script: string): Offers {
  return async (lines, cwd) => {
    const folder = await temporaryFolder();
    const file = (name: string) => join(folder, name);
    const modules = root === null ? '' : `module_path=(${root}/usr/lib/*/zsh/*(/)); `;
    const functions = root === null ? '' : `fpath=(${root}/usr/share/zsh/functions/**/*(/N))`;
    await writeFile(file('poolctl.zsh'), script);
    await writeFile(file('offered'), '');
    await writeFile(
      file('edit.zsh'),
      editing({functions, script: file('poolctl.zsh'), out: file('offered')}),
    );
    await writeFile(
      file('terminal.zsh'),
      `${modules}zmodload zsh/zpty
zpty shell '${program} -f -i'
zpty -w shell '${modules}source ${file('edit.zsh')}'
zpty -n -w shell $'\\x18'
while zpty -r shell output; do :; done`,
    );
    const env = {...process.env, HOME: folder, LINES_TO_COMPLETE: lines.join('\n')};
    await run(program, ['-f', file('terminal.zsh')], {cwd: cwd ?? folder, env, timeout: 60_000});
    // zsh adds some matches twice.
    return sections(await readFile(file('offered'), 'utf8'), lines).map(words => [...new Set(words)]);
  };
}

/** Lists the completions of each line at Ctrl-X, then exits. `compadd` also writes what it adds to a file. */
function editing({functions, script, out}: {functions: string; script: string; out: string}): string {
  return `${functions}
autoload -Uz compinit
compinit -u -D
source ${script}
compadd() {
  if [[ \${@[1,(i)(-|--)]} != *-[a-zA-Z]#[OAD]\\ * ]]; then
    local -a added
    builtin compadd -A added "$@"
    print -rl -- $added >> ${out}
  fi
  builtin compadd "$@"
}
offer() {
  local line
  for line in "\${(@f)LINES_TO_COMPLETE}"; do
    print -r -- "> $line" >> ${out}
    BUFFER=$line CURSOR=$#line
    zle list-choices
  done
  exit
}
zle -N offer
bindkey '^X' offer
`;
}

/** The lines of a text below each \`> line\`. */
function sections(text: string, lines: readonly string[]): string[][] {
  const found = text.split(/^> .*\n/m).slice(1);
  if (found.length !== lines.length)
    throw new Error(`${found.length} answers for ${lines.length} lines: ${text}`);
  return found.map(section => section.split('\n').filter(Boolean));
}
