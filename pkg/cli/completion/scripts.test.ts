import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { scriptFor } from './scripts.ts';

let folder = '';

/** Stands for cox: answers as the last word says. */
const STUB = `#!/bin/sh
[ "$1" = __complete ] || exit 1
for last; do :; done
case "$last" in
  use-*) printf 'use-context\\tTake one\\n:words\\n' ;;
  --dry-run=*) printf -- '--dry-run=client\\n--dry-run=server\\n:words\\n' ;;
  *) printf ':files\\n' ;;
esac
`;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'cox-completion-'));
  writeFileSync(join(folder, 'cox'), STUB);
  chmodSync(join(folder, 'cox'), 0o755);
  writeFileSync(join(folder, 'script'), scriptFor(['bash']));
});

afterAll(() => rmSync(folder, { recursive: true }));

test.each([
  ['config use-', ['cox', 'config', 'use-'], 'use-context'],
  // readline takes "=" for a word of its own.
  ['get --dry-run=c', ['cox', 'get', '--dry-run', '=', 'c'], 'client server'],
  ['get -f x', ['cox', 'get', '-f', 'x'], ''],
])('bash, cox %s', (line, words, wanted) => {
  const script = `
    compopt() { :; }
    source "$1"
    COMP_LINE=$2 COMP_POINT=\${#2}
    shift 2
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
    _cox_complete
    echo "\${COMPREPLY[*]}"`;
  const args = ['-c', script, 'bash', join(folder, 'script'), `cox ${line}`, ...words];
  const out = execFileSync('bash', args, { env: { ...process.env, PATH: `${folder}:${process.env.PATH}` } });
  expect(out.toString().trim()).toBe(wanted);
});

/** What a real zsh and a real fish showed to be wrong; neither is on every machine. */
test.each([
  ['zsh', 'files after --flag=', /compset -P '--\*='\n +_files/],
  ['zsh', 'what stands before the cursor, without quotes', /"\$\{\(@Q\)words\[2,CURRENT-1\]\}" "\$\{\(Q\)PREFIX\}"/],
  ['zsh', 'no space after what goes on', /_describe -V 'cox' closed -- open -S ''/],
  ['zsh', 'as a file of $fpath it is the function', /funcstack\[1\] == _cox \]\]; then\n +_cox "\$@"/],
  ['fish', 'files after --flag=', /echo \$parts\[2\]\$path/],
  ['fish', 'a quote that is open is none of the word', /string replace -r '\^\["\\'\]' ''/],
])('%s: %s', (shell, _what, wanted) => expect(scriptFor([shell])).toMatch(wanted));

test('another shell is refused', () => {
  for (const words of [[], ['csh'], ['bash', 'zsh']]) expect(() => scriptFor(words)).toThrow(/bash\|zsh\|fish/);
});
