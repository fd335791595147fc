import type {CommandCompletion, Completions, FlagCompletion, Values} from './completions.ts';

/** A script for zsh, to source after compinit or to install as `_poolctl` in $fpath. */
export function renderZsh({commands, console, parameters}: Completions): string {
  return `#compdef poolctl
# Completions of poolctl for zsh: source <(poolctl completion zsh)
_poolctl_commands() {
  local -a commands
  commands=(
${commands.map(({name, summary}) => `    ${quoted(`${name}:${summary}`)}`).join('\n')}
    'help:Print the help of a command'
  )
  _describe -t commands command commands
}
_poolctl_parameters() {
  case \${words[(r)${parameters.map(({recipe}) => recipe).join('|') || 'none'}]} in
${parameters.map(({recipe, names}) => `    (${recipe}) compadd -S '' -- ${names.map(name => `${name}=`).join(' ')} ;;`).join('\n')}
  esac
}
_poolctl() {
  local command=\${words[(r)${[...commands.map(({name}) => name), 'help'].join('|')}]}
  (( \${words[(i)$command]} < CURRENT )) || command=
  case $command in
${commands.map(commandCase).join('\n')}
    (help)
      _arguments '1: :(help)' '2: :_poolctl_commands'
      ;;
    (*)
      _arguments -S -s ${specsOf(console, [`'1: :_poolctl_commands'`])}
      ;;
  esac
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
  _poolctl "$@"
else
  compdef _poolctl poolctl
fi`;
}

function commandCase(command: CommandCompletion): string {
  const words = command.arguments.map(({name, values}, index) =>
    quoted(`${index + 2}:${escaped(name)}:${actionOf(values)}`),
  );
  return `    (${command.name})
      _arguments -S -s ${specsOf(command, [`'1: :(${command.name})'`, ...words])}
      ;;`;
}

function specsOf({flags}: CommandCompletion, words: readonly string[]): string {
  return [...flags.map(flagSpec), ...words].map(spec => `\\\n        ${spec}`).join(' ');
}

/** `'(-h --host)'{-h,--host}'[Server host]:HOST: '` */
function flagSpec({long, short, help, isMultiple, value}: FlagCompletion): string {
  const set =
    value !== null && long === '--set' ? '_poolctl_parameters' : actionOf(value?.values ?? {kind: 'any'});
  const rest = `[${escaped(help)}]${value === null ? '' : `:${escaped(value.name)}:${set}`}`;
  if (isMultiple) return quoted(`*${long}${rest}`);
  return short === null ? quoted(`${long}${rest}`) : `'(${short} ${long})'{${short},${long}}${quoted(rest)}`;
}

function actionOf(values: Values): string {
  if (values.kind === 'files') return '_files';
  if (values.kind === 'folders') return '_files -/';
  return values.kind === 'any' ? ' ' : `(${values.words.map(({text}) => text).join(' ')})`;
}

/** Escapes the special characters of an `_arguments` spec. */
function escaped(text: string): string {
  return text.replace(/[\\[\]:]/g, character => `\\${character}`);
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
