import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { KUBECTL_ENV } from '../../bed/kubectls.ts';

/** What one program made of a command line. */
export interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** A program with a namespace and a folder of its own, so that both can do the same things to the same cluster. */
export interface Side {
  readonly program: string;
  readonly namespace: string;
  readonly folder: string;
  readonly kubeconfig: string;
}

const TIMEOUT_MS = 120_000;

/** A side with the files command lines name. */
export function sideOf(
  program: string,
  o: { namespace: string; kubeconfig: string; files: Readonly<Record<string, string>> },
): Side {
  const folder = mkdtempSync(join(tmpdir(), 'cox-parity-'));
  for (const [name, text] of Object.entries(o.files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text.replaceAll('$NS', o.namespace));
  }
  return { program, folder, namespace: o.namespace, kubeconfig: o.kubeconfig };
}

/** Runs a shell line in which `k` is the program in its namespace, `$NS` the namespace's name and `$PROGRAM` the program. */
export function runLine(side: Side, line: string): Promise<Outcome> {
  const script = `k() { "${side.program}" -n "$NS" "$@"; }; ${line}`;
  const env = {
    ...process.env,
    NS: side.namespace,
    PROGRAM: side.program,
    KUBECONFIG: side.kubeconfig,
    HOME: side.folder,
    EDITOR: 'false',
    ...(basename(side.program).startsWith('kubectl') ? KUBECTL_ENV : {}),
  };
  return new Promise((resolve) => {
    const child = execFile('sh', ['-c', script], { cwd: side.folder, env, timeout: TIMEOUT_MS }, (e, out, err) => {
      resolve({ code: e ? (typeof e.code === 'number' ? e.code : 124) : 0, out, err });
    });
    child.stdin?.end();
  });
}

const RULES: readonly (readonly [RegExp, string])[] = [
  [/\bkubectl(\.1\.\d+)?(?=[ '])/g, 'cox'],
  [/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g, 'UID'],
  [/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)/g, 'TIME'],
  [/\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}/g, 'DATE'],
  [/\b\d{1,3}(\.\d{1,3}){3}\b/g, 'IP'],
  [/\b[0-9a-f]{64}\b/g, 'ID'],
  [/\b(\w+)(-[bcdfghjklmnpqrstvwxz2456789]{5,10})?-[bcdfghjklmnpqrstvwxz2456789]{5}\b/g, '$1$2-RAND'],
  // Quoted once more in what is said of a patch.
  [/(resourceVersion\\?"?: ?)\\?"\d+\\?"/g, '$1"RV"'],
  [/\b3[0-2]\d{3}\b/g, 'NODEPORT'],
  [/(\W)(\d+[ywdhms]){1,2}(\d+ms)?\b/g, '$1AGE'],
  [/kube-api-access-[a-z0-9]{5}/g, 'kube-api-access-RAND'],
];

/** Text without what differs from object to object: names of namespaces, ages, addresses, random ends. */
export function normalise(text: string, side: Side): string {
  let t = text.replaceAll(side.namespace, 'NS').replaceAll(side.folder, 'FOLDER');
  for (const [pattern, word] of RULES) t = t.replace(pattern, word);
  return t;
}

/** Columns are as wide as their widest cell, ages included: how many spaces there are is no difference, that there are is. */
export const collapse = (text: string): string => text.replace(/[ \t]{2,}|\t/g, '  ').replace(/[ \t]+$/gm, '');

/** Objects as values, so that quoting and the order of keys do not count; undefined for text that is none. */
export function asObjects(text: string): unknown[] | undefined {
  if (!/^\s*(\{|apiVersion:|- apiVersion)/.test(text)) return undefined;
  const documents = parseAllDocuments(text, { version: '1.1' });
  if (!Array.isArray(documents) || documents.some((d) => d.errors.length > 0)) return undefined;
  return documents.map((d) => withoutNothing(d.toJS({ maxAliasCount: -1 })));
}

/** kubectl prints fields that say nothing (`creationTimestamp: null`, `status: {}`, `strategy: {}`); they are no difference. */
function withoutNothing(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNothing);
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value)
    .map(([k, v]) => [k, withoutNothing(v)] as const)
    .filter(([, v]) => v !== null && !(typeof v === 'object' && Object.keys(v as object).length === 0));
  return Object.fromEntries(kept);
}
