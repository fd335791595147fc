import type {CommandCompletion, Completions, FlagCompletion, Values} from './completions.ts';

/** A script for bash 3.2 and later that does not need bash-completion. */
export function renderBash({commands, console, parameters}: Completions): string {
  const all = [console, ...commands];
  const flags = uniqueFlags(all);
  const names = commands.map(({name}) => name);
  return `# Completions of poolctl for bash: source <(poolctl completion bash)
_poolctl_words() {
  local IFS=$' \\t\\n'
  COMPREPLY=($(compgen -W "$1" -- "$2"))
}
_poolctl_paths() {
  local IFS=$'\\n'
  COMPREPLY=($(compgen "$1" -- "$2"))
  compopt -o filenames 2>/dev/null
}
_poolctl() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} i word
  # bash splits --flag=value into three words.
  if [[ $current == '=' ]]; then
    current=
  elif [[ $previous == '=' ]]; then
    previous=\${COMP_WORDS[COMP_CWORD-2]}
  fi
  local command=console recipe= count=0
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    case $word in
      ${pattern(flags.filter(({value}) => value !== null))}) [[ \${COMP_WORDS[i+1]} == '=' ]] && ((i++)); ((i++)) ;;
      -*|=) ;;
      *)
        if ((count == 0)); then
          case $word in
            ${names.join('|')}) command=$word ;;
            help) command=help ;;
            *) ((count++)) ;;
          esac
          [[ $command == console ]] || ((count++))
        else
          [[ $command == run && $count == 1 ]] && recipe=$word
          ((count++))
        fi
        ;;
    esac
  done
  case $previous in
${flags.flatMap(flagCase).join('\n')}
  esac
  if [[ $current == -* ]]; then
    case $command in
${all.map(({name, flags: own}) => `      ${name}) _poolctl_words '${own.flatMap(typed).join(' ')}' "$current" ;;`).join('\n')}
    esac
    return
  fi
  case $command/$count in
    console/0|help/1) _poolctl_words '${[...names, 'help'].join(' ')}' "$current" ;;
${commands.flatMap(argumentCases).join('\n')}
  esac
}
_poolctl_parameters() {
  case $1 in
${parameters.map(({recipe, names: own}) => `    ${recipe}) echo '${own.map(name => `${name}=`).join(' ')}' ;;`).join('\n')}
  esac
}
complete -F _poolctl poolctl`;
}

/** One flag per name, as a flag has the same values in every command. */
function uniqueFlags(commands: readonly CommandCompletion[]): FlagCompletion[] {
  return [...new Map(commands.flatMap(({flags}) => flags.map(flag => [flag.long, flag]))).values()];
}

function typed({long, short}: FlagCompletion): string[] {
  return short === null ? [long] : [short, long];
}

function pattern(flags: readonly FlagCompletion[]): string {
  return flags.flatMap(typed).join('|');
}

function flagCase(flag: FlagCompletion): string[] {
  if (flag.value === null) return [];
  const head = `    ${pattern([flag])})`;
  if (flag.long === '--set') {
    return [
      `${head} _poolctl_words "$(_poolctl_parameters "$recipe")" "$current"; compopt -o nospace 2>/dev/null; return ;;`,
    ];
  }
  return [`${head} ${offer(flag.value.values)}return ;;`];
}

function offer(values: Values): string {
  if (values.kind === 'files') return '_poolctl_paths -f "$current"; ';
  if (values.kind === 'folders') return '_poolctl_paths -d "$current"; ';
  if (values.kind === 'any') return '';
  return `_poolctl_words '${values.words.map(({text}) => text).join(' ')}' "$current"; `;
}

/** `count` includes the command. */
function argumentCases({name, arguments: words}: CommandCompletion): string[] {
  return words.flatMap(({values}, index) =>
    values.kind === 'any' ? [] : [`    ${name}/${index + 1}) ${offer(values)};;`],
  );
}
