import { readFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { CliError } from '../errors.ts';
import { EXTENSION } from '../terminal/confirm.ts';
import { type Body, ConfigFiles, SECTIONS, type Section } from './files.ts';

type Out = (text: string) => void;

export interface EntryFlags {
  readonly protected?: boolean;
  readonly kubeconfig?: string;
  readonly server?: string;
  readonly certificateAuthority?: string;
  readonly embedCerts?: boolean;
  readonly insecureSkipTlsVerify?: boolean;
  readonly tlsServerName?: string;
  readonly proxyUrl?: string;
  readonly token?: string;
  readonly username?: string;
  readonly password?: string;
  readonly clientCertificate?: string;
  readonly clientKey?: string;
  readonly execCommand?: string;
  readonly execInteractiveMode?: string;
  readonly execProvideClusterInfo?: boolean;
  readonly execApiVersion?: string;
  readonly execArg?: readonly string[];
  readonly execEnv?: readonly string[];
  readonly cluster?: string;
  readonly user?: string;
  readonly namespace?: string;
  readonly current?: boolean;
}

/** A file as the kubeconfig names it: its content, or its path from the kubeconfig's folder. */
function material(key: string, path: string, base: string, embed: boolean): Body {
  if (embed) return { [`${key}-data`]: readFileSync(path).toString('base64') };
  return { [key]: relative(base, resolve(path)) };
}

function without(body: Body, ...keys: string[]): Body {
  return Object.fromEntries(Object.entries(body).filter(([k]) => !keys.includes(k)));
}

const only = (args: readonly string[]): string => {
  const [name, extra] = args;
  if (!name || extra !== undefined) throw new CliError(`Unexpected args: [${args.join(' ')}]`);
  return name;
};

/** `cox config set-cluster NAME` */
export function setCluster(out: Out, args: readonly string[], o: EntryFlags): void {
  const name = only(args);
  if (o.insecureSkipTlsVerify && o.certificateAuthority)
    throw new CliError('you cannot specify a certificate authority and insecure mode at the same time');
  const files = new ConfigFiles(o.kubeconfig);
  const CA = ['certificate-authority', 'certificate-authority-data'];
  files.change('clusters', name, (now) => {
    let body = { ...now, ...(o.server ? { server: o.server } : {}) } as Body;
    if (o.certificateAuthority) {
      const ca = material(
        'certificate-authority',
        o.certificateAuthority,
        dirname(files.main.path),
        o.embedCerts === true,
      );
      body = { ...without(body, ...CA, 'insecure-skip-tls-verify'), ...ca };
    }
    if (o.insecureSkipTlsVerify) body = { ...without(body, ...CA), 'insecure-skip-tls-verify': true };
    else if (o.insecureSkipTlsVerify === false) body = without(body, 'insecure-skip-tls-verify');
    if (o.tlsServerName) body['tls-server-name'] = o.tlsServerName;
    if (o.proxyUrl) body['proxy-url'] = o.proxyUrl;
    return body;
  });
  out(`Cluster "${name}" set.\n`);
}

/** A credential program. */
function execOf(o: EntryFlags): Body {
  if (!o.execCommand) return {};
  const env = (o.execEnv ?? []).map((e) => ({ name: e.split('=')[0], value: e.slice(e.indexOf('=') + 1) }));
  return {
    exec: {
      apiVersion: o.execApiVersion ?? 'client.authentication.k8s.io/v1',
      ...(o.execArg ? { args: [...o.execArg] } : {}),
      command: o.execCommand,
      ...(env.length > 0 ? { env } : { env: null }),
      ...(o.execInteractiveMode ? { interactiveMode: o.execInteractiveMode } : {}),
      provideClusterInfo: o.execProvideClusterInfo === true,
    },
  };
}

/** `cox config set-credentials NAME` */
export function setCredentials(out: Out, args: readonly string[], o: EntryFlags): void {
  const name = only(args);
  const files = new ConfigFiles(o.kubeconfig);
  const base = dirname(files.main.path);
  files.change('users', name, (now) => {
    let body = { ...now } as Body;
    // Token and password exclude one another: the later one is meant.
    if (o.token) body = { ...without(body, 'username', 'password', 'tokenFile'), token: o.token };
    if (o.username) body = { ...without(body, 'token', 'tokenFile'), username: o.username };
    if (o.password) body = { ...without(body, 'token', 'tokenFile'), password: o.password };
    for (const [key, path] of [
      ['client-certificate', o.clientCertificate],
      ['client-key', o.clientKey],
    ] as const) {
      if (path) body = { ...without(body, key, `${key}-data`), ...material(key, path, base, o.embedCerts === true) };
    }
    return { ...body, ...execOf(o) };
  });
  out(`User "${name}" set.\n`);
}

/** A context with or without the mark that makes cox ask before it changes anything there. */
function marked(body: Body, isProtected: boolean | undefined): Body {
  if (isProtected === undefined) return body;
  const others = ((body.extensions ?? []) as { name: string }[]).filter((e) => e.name !== EXTENSION);
  const all = isProtected ? [...others, { name: EXTENSION, extension: { protected: true } }] : others;
  const { extensions: _e, ...rest } = body;
  return all.length > 0 ? { ...rest, extensions: all } : rest;
}

/** `cox config set-context NAME | --current` */
export function setContext(out: Out, args: readonly string[], o: EntryFlags): void {
  if (!o.current && !args[0]) throw new CliError('you must specify a non-empty context name or --current');
  const files = new ConfigFiles(o.kubeconfig);
  const name = o.current ? files.merged.currentContext : only(args);
  if (!name) throw new CliError('no current context is set');
  const given = { cluster: o.cluster, namespace: o.namespace, user: o.user };
  const set = Object.fromEntries(Object.entries(given).filter(([, v]) => v !== undefined));
  const was = files.change('contexts', name, (now) => marked({ cluster: '', user: '', ...now, ...set }, o.protected));
  out(`Context "${name}" ${was ? 'modified' : 'created'}.\n`);
}

/** `cox config use-context NAME` */
export function useContext(out: Out, args: readonly string[], o: EntryFlags): void {
  const name = only(args);
  const files = new ConfigFiles(o.kubeconfig);
  if (!files.has('contexts', name)) throw new CliError(`no context exists with the name: "${name}"`);
  files.setCurrent(name);
  out(`Switched to context "${name}".\n`);
}

/** `cox config rename-context OLD NEW` */
export function renameContext(out: Out, [from = '', to = '']: readonly string[], o: EntryFlags): void {
  const files = new ConfigFiles(o.kubeconfig);
  const { entries, currentContext } = files.merged;
  const body = entries.contexts.get(from);
  if (!body) throw new CliError(`cannot rename the context "${from}", it's not in ${files.main.path}`);
  if (files.has('contexts', to))
    throw new CliError(`cannot rename the context "${from}", the context "${to}" already exists in ${files.main.path}`);
  files.change('contexts', to, () => body);
  files.remove('contexts', from);
  if (currentContext === from) files.setCurrent(to);
  out(`Context "${from}" renamed to "${to}".\n`);
}

/** `cox config delete-cluster`, `delete-context`, `delete-user` */
export function remove(
  streams: { out: Out; err: Out },
  section: Section,
  args: readonly string[],
  o: EntryFlags,
): void {
  const name = only(args);
  const files = new ConfigFiles(o.kubeconfig);
  if (section === 'contexts' && files.has(section, name) && files.merged.currentContext === name)
    streams.err('warning: this removed your active context, use "cox config use-context" to select a different one\n');
  streams.out(`deleted ${SECTIONS[section]} ${name} from ${files.remove(section, name)}\n`);
}

/** A property: of the whole file, or a field of an entry. Names of entries may have dots, fields have none. */
function parsed(property: string): { section: Section; name: string; field: string } | undefined {
  const [section = '', ...rest] = property.split('.');
  if (!(section in SECTIONS) || rest.length === 0) return undefined;
  const field = rest.length > 1 ? (rest.at(-1) ?? '') : '';
  const name = rest.length > 1 ? rest.slice(0, -1).join('.') : (rest[0] ?? '');
  return { section: section as Section, name, field };
}

/** `cox config set PROPERTY VALUE` */
export function setProperty(out: Out, args: readonly string[], o: EntryFlags & { setRawBytes?: boolean }): void {
  const [property = '', value, extra] = args;
  if (value === undefined || extra !== undefined) throw new CliError(`Unexpected args: [${args.join(' ')}]`);
  const files = new ConfigFiles(o.kubeconfig);
  const at = parsed(property);
  if (property === 'current-context') files.setCurrent(value);
  else if (property.startsWith('preferences.'))
    files.setPreference(
      property.slice('preferences.'.length),
      value === 'true' ? true : value === 'false' ? false : value,
    );
  else if (!at?.field) throw new CliError(`unable to parse ${property} after [] at api.Config`);
  else {
    const bytes = at.field.endsWith('-data');
    if (bytes && !o.setRawBytes && !/^[A-Za-z0-9+/]*={0,2}$/.test(value))
      throw new CliError(`${property} must be base64; --set-raw-bytes takes the value as it is`);
    const stored = bytes && o.setRawBytes ? Buffer.from(value).toString('base64') : value;
    const typed = stored === 'true' ? true : stored === 'false' ? false : stored;
    files.change(at.section, at.name, (now) => ({ ...now, [at.field]: typed }));
  }
  out(`Property "${property}" set.\n`);
}

/** `cox config unset PROPERTY` */
export function unsetProperty(out: Out, args: readonly string[], o: EntryFlags): void {
  const property = only(args);
  const files = new ConfigFiles(o.kubeconfig);
  const at = parsed(property);
  if (property === 'current-context') files.setCurrent('');
  else if (property.startsWith('preferences.')) files.setPreference(property.slice('preferences.'.length), undefined);
  else if (!at) throw new CliError(`unable to parse ${property} after [] at api.Config`);
  else if (at.field && files.has(at.section, at.name))
    files.change(at.section, at.name, (now) => without(now, at.field));
  else if (!at.field && files.has(at.section, at.name)) files.remove(at.section, at.name);
  out(`Property "${property}" unset.\n`);
}
