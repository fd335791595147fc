import type {ExitCode} from '../../model/run.ts';
import type {CliContext} from '../context.ts';

/** One flag of a command. Help, completions and the man page are generated from it. */
export type Flag = {
  type: 'string' | 'number' | 'boolean';
  /** Placeholder of its value in help, such as `TIME`; a boolean has none. */
  value?: string;
  /** One letter, such as `h` for `-h`. */
  alias?: string;
  /** Its name in an earlier version, still accepted: `minSeen`. */
  formerName?: string;
  /** Whether it may be repeated. */
  isMultiple?: true;
  /** What it sets, without its default. */
  help: string;
  /** Its default as help shows it: `2s`. */
  default?: string;
  /** Its possible values, if they can be listed. */
  choices?: readonly string[];
  /** Its heading in help; undefined for `Flags`. */
  group?: string;
};

export type Flags = Readonly<Record<string, Flag>>;

export type Argument = {
  /** As the usage line shows it: `<plan>`, `[url]`, `run|status`. */
  shown: string;
  /** Its possible values, for completion. */
  completes?: 'file' | 'recipe' | readonly string[];
};

/** A command's arguments and flags. Help, completions and the man page are generated from it. */
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

/** The values of flags in a call; undefined for a flag that is not given. */
export type FlagValues<F extends Flags> = {-readonly [Name in keyof F]?: ValueOf<F[Name]> | undefined};

/** A call of one command: its arguments and flags. */
export type Call<U extends Usage> = {words: readonly string[]; flags: FlagValues<U['flags']>};

type Program<C> = {run(context: CliContext, call: C): Promise<ExitCode>};

export type FlagValue = string | number | boolean | string[];

/** A command of the table; `load` imports its program. */
export type Command = Usage & {
  load(): Promise<Program<{words: readonly string[]; flags: Record<string, FlagValue>}>>;
};

/** Creates a row of the table. Checks by type that the program takes the flags of its usage. */
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
