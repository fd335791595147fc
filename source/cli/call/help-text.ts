import {recipeText} from '../../commands/recipes/list-recipes.ts';
import type {Recipe} from '../../model/recipe.ts';
import {
  answerFlags,
  type CommandName,
  commands,
  type Flag,
  type FlagName,
  flagAsTyped,
  flags,
  limitFlags,
} from './usage.ts';

/** What `--help` says of a command; of `run <recipe>`, that recipe's parameters too. */
export function helpText(name: CommandName, recipes: readonly Recipe[], id?: string): string {
  const {usage, summary, flags: names} = commands[name];
  const recipe = name === 'run' ? recipes.find(each => each.id === id) : undefined;
  const isConsole = name === 'console';
  const own = isConsole ? answerFlags : {help: answerFlags.help};
  const limitNames = names.filter(flagName => flagName in limitFlags);
  const others = names.filter(flagName => !(flagName in limitFlags));
  return [
    `Usage: poolctl ${recipe === undefined ? usage : usage.replace('<recipe>', recipe.id)} [flags]`,
    '',
    recipe === undefined ? `  ${summary}` : recipeText(recipe, 80),
    ...(isConsole ? section('Commands', commandRows()) : []),
    ...(name === 'run' && recipe === undefined ? section('Recipes', recipeRows(recipes)) : []),
    ...section(
      'Limits',
      limitNames.map(flagName => flagRow(flagName, flags[flagName])),
    ),
    ...section('Flags', [
      ...others.map(flagName => flagRow(flagName, flags[flagName])),
      ...Object.entries(own).map(([flagName, flag]) => flagRow(flagName, flag)),
    ]),
    ...notes[name].flatMap(note => ['', note]),
    ...(names.some(takesTime) ? ['', timeText] : []),
  ].join('\n');
}

/** A title and its rows, their texts below each other. */
function section(title: string, rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([typed]) => typed.length));
  return rows.length === 0
    ? []
    : ['', title, ...rows.map(([typed, help]) => `  ${typed.padEnd(width)}  ${help}`)];
}

function commandRows(): [string, string][] {
  return Object.values(commands).map(({usage, summary}) => [`poolctl ${usage}`, summary]);
}

function recipeRows(recipes: readonly Recipe[]): [string, string][] {
  return recipes.filter(({plan}) => plan !== undefined).map(({id, title}) => [id, title]);
}

function flagRow(name: string, {value, shortFlag, help}: Flag): [string, string] {
  const short = shortFlag === undefined ? '   ' : `-${shortFlag},`;
  return [`${short} ${flagAsTyped(name)} ${value ?? ''}`.trimEnd(), help];
}

function takesTime(name: FlagName): boolean {
  return (flags[name] as Flag).value === 'TIME';
}

const timeText = 'TIME is a duration as PostgreSQL reads intervals: 500ms, 2s, 10min.';

const consoleText = `Where the server is: [url] or --target, then the exported POOLCTL_DATABASE_URL,
DIRECT_URL, DATABASE_URL, PGSERVICE, PGHOST and its kin, then the URLs in ./.env
.pgpass works, but "*" in it matches no host that ./.env names. The exported
POOLCTL_RESCUE_URL is the way in when every slot is taken.

Exit codes: 0 well, 1 findings, 2 usage, 3 no connection, 4 no slot,
5 privilege, 6 drift, 7 an act failed, 8 the journal.
Interrupted: 130 by INT (Ctrl-C), 143 by TERM, 129 by HUP or a lost terminal.
Ctrl-C is the normal end, exit 0, of record, demo --serve, check --metrics and
replay --capture.`;

/** What else help says, by command. */
const notes: Record<CommandName, readonly string[]> = {
  console: [consoleText],
  demo: [],
  snapshot: [],
  check: [
    `Exit 0 where all is well, 1 where there is a finding or a limit is crossed. Of
two limits (80%,90%) the first is a warning; one alone is critical. SHARE is 80%
or 0.8. The hit ratios have no limit of their own on a server that has read too
little to tell. Mean times are since the statistics began; with --rates or
--for, of what ended in between. With --for, the 95th percentile is held against
the limits, and the worst reading of slots and transactions against the critical
ones. --nagios exits 0 ok, 1 warning, 2 critical (no connection too), 3 unknown.`,
  ],
  rollout: [
    `Exit 0 when every stage passed, 1 when one failed and was rolled back, 7 when a
command failed, 130 when interrupted; the same call then goes on where it was.
A stage with a command runs only with consent: --approve-stage NAME gives it for
one, --yes for all; on a terminal poolctl asks, before each stage with approval:
true, and once for the others. Warnings do not fail a stage, critical ones do.`,
  ],
  doctor: [],
  recipes: [],
  run: [
    "'poolctl run <recipe> --help' lists that recipe's parameters.",
    `Ctrl-C, SIGTERM and SIGHUP cancel the step under way unless it ends within a
second, record its outcome and the run's end, and say on stderr what was done:
exit 130, 143 and 129, within 10 s. A second one leaves at once.`,
  ],
  undo: ["<run> is the run's id, or the beginning of it: 'poolctl journal list' has them."],
  replay: [
    `<endpoint> is a file of SQL, TypeScript or JavaScript. Sessions are read-only
unless --allow-writes; slots that others need are left to them. Errors that
requests meet are data: exit 0. Exit 7 where something could not be measured,
130 after Ctrl-C, with what was measured until then.`,
    `--capture "GET /x" [url] takes no <endpoint>: it prints an address for the
application, carries what it asks to the server, and writes it as an endpoint
file at Ctrl-C. The file holds the values that were sent: 0600.`,
  ],
  record: [
    `A reading that was written outlives the program; the disk is told to keep it
every 10s, so that a power cut costs no more. A file that is there is written
on. At half of --max-size it becomes <file>.1. Statements' texts are in it, as
the server shows them: only its owner can read it.`,
  ],
  play: [
    `p plays and stops, [ and ] go by a reading, { and } by a minute, + and - change
the speed, :at 14:03 jumps (UTC). Nothing is connected to. Findings are those
that a reading shows by itself.`,
  ],
  report: [
    `At least one of [file], --since and --run. What was done comes from the
journal, what was seen from the file.`,
  ],
  journal: [
    '<verb> is list (else), show <run>, verify or export.',
    `verify --head HASH: exit 8 where the chain no longer holds the entry of that
hash, however well it verifies by itself: keep what 'journal verify' told.`,
  ],
};
