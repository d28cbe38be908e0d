import { CliError } from '../errors.ts';

/** Each asks `cox __complete WORDS…`: lines "word<TAB>description", then ":files" or ":words". */
const SCRIPTS: Readonly<Record<string, string>> = {
  bash: `# bash completion for cox: source <(cox completion bash)
_cox_complete() {
  local line=\${COMP_LINE:0:COMP_POINT} words current answer directive
  read -r -a words <<<"$line"
  [[ $line == *[[:space:]] ]] && words+=('')
  current=\${words[\${#words[@]}-1]}
  answer=$(cox __complete "\${words[@]:1}" 2>/dev/null) || return
  directive=\${answer##*$'\\n'}
  COMPREPLY=()
  if [[ $directive == :files ]]; then
    compopt -o default
    return
  fi
  local word
  # What readline takes for the beginning of the word: it breaks words at "=" and ":".
  local cut=\${current%"\${COMP_WORDS[COMP_CWORD]}"}
  while IFS=$'\\t' read -r word _; do
    [[ $word == :* || -z $word ]] && continue
    [[ $word == */ || $word == *= ]] && compopt -o nospace
    COMPREPLY+=("\${word#"$cut"}")
  done <<<"$answer"
}
complete -F _cox_complete cox
`,
  zsh: `#compdef cox
# zsh completion for cox: source <(cox completion zsh), or a file _cox in a folder of $fpath
_cox() {
  local answer directive line
  local -a open closed
  # Words as the shell will read them, and of the present one what stands before the cursor.
  answer=$(cox __complete "\${(@Q)words[2,CURRENT-1]}" "\${(Q)PREFIX}" 2>/dev/null) || return
  directive=\${answer##*$'\\n'}
  if [[ $directive == :files ]]; then
    compset -P '--*='
    _files
    return
  fi
  for line in "\${(@f)answer}"; do
    [[ $line == :* || -z $line ]] && continue
    # After these something follows without a space.
    if [[ \${line%%$'\\t'*} == *[=/:] ]]; then
      open+=("\${\${line//:/\\\\:}/$'\\t'/:}")
    else
      closed+=("\${\${line//:/\\\\:}/$'\\t'/:}")
    fi
  done
  _describe -V 'cox' closed -- open -S ''
}
# From $fpath this file is the function itself.
if [[ $funcstack[1] == _cox ]]; then
  _cox "$@"
else
  compdef _cox cox
fi
`,
  fish: `# fish completion for cox: cox completion fish | source
function __cox_complete
    set -l words (commandline -opc)
    # A quote that is still open is none of the word.
    set -l current (commandline -ct | string replace -r '^["\\']' '')
    set -l answer (cox __complete $words[2..-1] "$current" 2>/dev/null)
    if test "$answer[-1]" = ':files'
        set -l parts (string match -r '^(--[a-z-]+=)(.*)$' -- "$current")
        if test (count $parts) -eq 3
            for path in (__fish_complete_path "$parts[3]")
                echo $parts[2]$path
            end
        else
            __fish_complete_path "$current"
        end
        return
    end
    for line in $answer
        string match -q ':*' -- $line; or echo $line
    end
end
complete -c cox -f -a '(__cox_complete)'
`,
};

/** The script that completes command lines in a shell. @throws CliError for other shells */
export function scriptFor([name = '', extra]: readonly string[]): string {
  const script = SCRIPTS[name];
  if (script && extra === undefined) return script;
  throw new CliError(`say for which shell: cox completion ${Object.keys(SCRIPTS).join('|')}`);
}
