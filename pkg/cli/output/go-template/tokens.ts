import { CliError } from '../../errors.ts';

/** A word of an action: `.a.b`, `$x`, `"text"`, `12`, `(`, `|`, `:=`, a name. */
export interface Token {
  readonly kind: 'field' | 'variable' | 'text' | 'number' | 'name' | 'mark';
  readonly text: string;
  /** Whether a space stands before it: `.a .b` are two arguments, `(f).b` one. */
  readonly spaced: boolean;
}

/** Plain text, or what stands between `{{` and `}}`. */
export type Piece = { readonly text: string } | { readonly action: string };

/** Cuts a template into text and actions; `{{-` and `-}}` eat the white space beside them. */
export function pieces(template: string): Piece[] {
  const found: Piece[] = [];
  let rest = template;
  let eat = false;
  const text = (t: string): void => {
    const shown = eat ? t.trimStart() : t;
    if (shown) found.push({ text: shown });
  };
  while (rest) {
    const start = rest.indexOf('{{');
    if (start < 0) break;
    const end = closing(rest, start + 2);
    let inside = rest.slice(start + 2, end);
    let before = rest.slice(0, start);
    if (/^-\s/.test(inside)) {
      inside = inside.slice(1);
      before = before.trimEnd();
    }
    text(before);
    eat = /\s-$/.test(inside);
    if (eat) inside = inside.slice(0, -1);
    const action = inside.trim();
    if (!/^\/\*.*\*\/$/s.test(action)) found.push({ action });
    rest = rest.slice(end + 2);
  }
  text(rest);
  return found;
}

/** Where the `}}` of an action stands; one within quotes does not end it. */
function closing(text: string, from: number): number {
  for (let i = from; i < text.length; i++) {
    const c = text[i] ?? '';
    if (c === '"' || c === '`' || c === "'") {
      i++;
      while (i < text.length && text[i] !== c) i += text[i] === '\\' && c !== '`' ? 2 : 1;
    } else if (text.startsWith('}}', i)) return i;
  }
  throw new CliError('error parsing template: unclosed action');
}

const PATTERN =
  /\s+|(?<text>"(?:\\.|[^"\\])*"|`[^`]*`|'(?:\\.|[^'\\])*')|(?<number>[+-]?\d+(?:\.\d+)?)|(?<field>\.[\w-]+|\.)|(?<variable>\$\w*)|(?<mark>:=|[=|(),])|(?<name>\w+)/y;

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', '\\': '\\', '"': '"', "'": "'" };

function unquoted(text: string): string {
  const inside = text.slice(1, -1);
  return text.startsWith('`') ? inside : inside.replace(/\\(.)/g, (_m, c: string) => ESCAPES[c] ?? c);
}

/** @throws CliError for a character no template has */
export function tokens(action: string): Token[] {
  const found: Token[] = [];
  let spaced = true;
  PATTERN.lastIndex = 0;
  while (PATTERN.lastIndex < action.length) {
    const at = PATTERN.lastIndex;
    const m = PATTERN.exec(action);
    if (!m)
      throw new CliError(`error parsing template: unexpected "${action.slice(at, at + 10)}" in action "${action}"`);
    const [kind, text] = Object.entries(m.groups ?? {}).find(([, v]) => v !== undefined) ?? ['', ''];
    if (kind) found.push({ kind: kind as Token['kind'], text: kind === 'text' ? unquoted(text) : text, spaced });
    spaced = !kind;
  }
  return found;
}
