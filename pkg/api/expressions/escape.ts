/** How names of properties are written in expressions ("Validation rules", property names). */
const KEYWORDS = new Set(
  'true false null in as break const continue else for function if import let loop package namespace return'.split(' '),
);
const SYMBOLS: Readonly<Record<string, string>> = {
  '.': '__dot__',
  '-': '__dash__',
  '/': '__slash__',
  __: '__underscores__',
};

/** @returns undefined for a name that no expression can speak of */
export function escapedName(name: string): string | undefined {
  if (KEYWORDS.has(name)) return `__${name}__`;
  if (!/^[A-Za-z_./-][A-Za-z0-9_./-]*$/.test(name)) return undefined;
  return name.replace(/__|[./-]/g, (s) => SYMBOLS[s] ?? s);
}
