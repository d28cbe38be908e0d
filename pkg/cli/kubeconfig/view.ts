import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import { CliError } from '../errors.ts';
import { formatColumns } from '../output/columns.ts';
import { printObject } from '../output/print.ts';
import { type Body, type ConfigFile, ConfigFiles, documentOf } from './files.ts';

export interface ViewFlags {
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly output?: string;
  readonly raw?: boolean;
  readonly minify?: boolean;
  readonly flatten?: boolean;
}

type Merged = Omit<ConfigFile, 'path'>;
type Out = (text: string) => void;

const SECRET = new Set(['token', 'password']);
const DATA = /-data$/;

function redacted(body: Body): Body {
  return Object.fromEntries(
    Object.entries(body).map(([k, v]) => [k, DATA.test(k) ? 'DATA+OMITTED' : SECRET.has(k) ? 'REDACTED' : v]),
  );
}

/** Files a body names become the data they hold. */
function flattened(body: Body, base: string): Body {
  const entries = Object.entries(body).map(([k, v]) => {
    if (!/^(certificate-authority|client-certificate|client-key)$/.test(k)) return [k, v];
    return [`${k}-data`, readFileSync(resolve(base, String(v))).toString('base64')];
  });
  return Object.fromEntries(entries) as Body;
}

function minified(c: Merged, name: string): Merged {
  const context = c.entries.contexts.get(name);
  if (!name || !context) throw new CliError('current-context must exist in order to minify');
  const only = (map: Map<string, Body>, key: unknown): Map<string, Body> =>
    new Map([...map].filter(([k]) => k === key));
  const { clusters, users } = c.entries;
  return {
    ...c,
    currentContext: name,
    entries: {
      contexts: new Map([[name, context]]),
      clusters: only(clusters, context.cluster),
      users: only(users, context.user),
    },
  };
}

/** `cox config view` */
export function view(out: Out, o: ViewFlags): void {
  const files = new ConfigFiles(o.kubeconfig);
  const all = files.merged;
  const shown = o.minify ? minified(all, o.context ?? all.currentContext) : all;
  const map = (m: Map<string, Body>): Map<string, Body> =>
    new Map(
      [...m].map(([name, body]) => {
        const whole = o.flatten ? flattened(body, dirname(files.main.path)) : body;
        return [name, o.raw ? whole : redacted(whole)];
      }),
    );
  const { clusters, contexts, users } = shown.entries;
  const document = documentOf({ ...shown, entries: { clusters: map(clusters), contexts, users: map(users) } });
  out(printObject(document as KubeObject, { ...o, output: o.output ?? 'yaml' }, () => ''));
}

/** `cox config get-contexts` */
export function getContexts(
  out: Out,
  names: readonly string[],
  o: { kubeconfig?: string; output?: string; headers?: boolean },
): void {
  const { entries, currentContext } = new ConfigFiles(o.kubeconfig).merged;
  if (o.output && o.output !== 'name') throw new CliError(`--output ${o.output} is not available: only name is`);
  const chosen = names.length > 0 ? names : [...entries.contexts.keys()].sort();
  if (o.output === 'name') {
    out(chosen.map((n) => `${n}\n`).join(''));
    return;
  }
  const rows = chosen.flatMap((n) => {
    const c = entries.contexts.get(n);
    const cell = (v: unknown): string => String(v ?? '');
    return c ? [[n === currentContext ? '*' : '', n, cell(c.cluster), cell(c.user), cell(c.namespace)]] : [];
  });
  const header = o.headers === false ? [] : [['CURRENT', 'NAME', 'CLUSTER', 'AUTHINFO', 'NAMESPACE']];
  out(formatColumns([...header, ...rows]));
  const missing = chosen.find((n) => !entries.contexts.has(n));
  if (missing !== undefined) throw new CliError(`context ${missing} not found`);
}

/** `cox config get-clusters`, `cox config get-users` */
export function getNames(out: Out, section: 'clusters' | 'users', kubeconfig: string | undefined): void {
  const names = [...new ConfigFiles(kubeconfig).merged.entries[section].keys()].sort();
  out(['NAME', ...names].map((n) => `${n}\n`).join(''));
}
