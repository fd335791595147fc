import type {ExitCode} from '../../model/run.ts';
import type {CliContext} from '../context.ts';

/** One flag of a command: a line of its help, a completion and an entry of the man page. */
export type Flag = {
  type: 'string' | 'number' | 'boolean';
  /** What help calls its value, such as `TIME`; a boolean has none. */
  value?: string;
  /** One letter, such as `h` for `-h`. */
  alias?: string;
  /** Its name in an earlier version, which is still accepted: `minSeen`. */
  formerName?: string;
  /** It may be given several times. */
  isMultiple?: true;
  /** What it sets, without its default. */
  help: string;
  /** What applies without it, as help shows it: `2s`. */
  default?: string;
  /** Every value it takes, where they can be listed. */
  choices?: readonly string[];
  /** Its heading in help; none for the command's own flags. */
  group?: string;
};

export type Flags = Readonly<Record<string, Flag>>;

export type Argument = {
  /** As usage shows it: `<plan>`, `[url]`, `run|status`. */
  shown: string;
  /** What it can be, for completion. */
  completes?: 'file' | 'recipe' | readonly string[];
};

/** What a command is called with; its help, completions and man page are generated from it. */
export type Usage<F extends Flags = Flags> = {
  name: string;
  /** One line, as the list of commands shows it. */
  summary: string;
  arguments: readonly Argument[];
  /** By name in code: `dryRun` is `--dry-run`. */
  flags: F;
  /** Paragraphs of help that follow the flags. */
  details: readonly string[];
};

type ValueOf<F extends Flag> = F extends {isMultiple: true}
  ? string[]
  : {string: string; number: number; boolean: boolean}[F['type']];

/** The values of flags in a call; undefined where a flag is not given. */
export type FlagValues<F extends Flags> = {-readonly [Name in keyof F]?: ValueOf<F[Name]> | undefined};

/** A call of one command: its arguments and flags. */
export type Call<U extends Usage> = {words: readonly string[]; flags: FlagValues<U['flags']>};

type Program<C> = {run(context: CliContext, call: C): Promise<ExitCode>};

export type FlagValue = string | number | boolean | string[];

/** A command of the table; `load` imports its program when it is called. */
export type Command = Usage & {
  load(): Promise<Program<{words: readonly string[]; flags: Record<string, FlagValue>}>>;
};

/** A row of the table: the program has to take the flags that its usage declares. */
export function defineCommand<U extends Usage>(usage: U, load: () => Promise<Program<Call<U>>>): Command {
  // The parser passes only the flags that `usage` declares, each of its type.
  return {...usage, load: load as unknown as Command['load']};
}

/** As typed: `dryRun` is `--dry-run`, `h` is `-h`. */
export function flagAsTyped(name: string): string {
  return name.length === 1 ? `-${name}` : `--${name.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)}`;
}

/** `poolctl check [url] [flags]`. */
export function synopsisOf({name, arguments: words}: Pick<Usage, 'name' | 'arguments'>): string {
  const command = name === 'console' ? [] : [name];
  return ['poolctl', ...command, ...words.map(({shown}) => shown), '[flags]'].join(' ');
}
