import { readFileSync } from 'node:fs';
import { duplicate, invalid } from '#api/meta/fielderrors.ts';
import { qualifiedName } from '#api/meta/names.ts';
import { UserError } from '#process/user-error.ts';
import { type Fields, wrong } from './fields.ts';

/** How a server that helps to schedule is asked (Extender of KubeSchedulerConfiguration). Verbs are parts of its paths. */
export interface ExtenderConfig {
  readonly urlPrefix: string;
  readonly filterVerb: string;
  readonly preemptVerb: string;
  readonly prioritizeVerb: string;
  readonly bindVerb: string;
  /** Of its scores. */
  readonly weight: number;
  readonly httpTimeoutMs: number;
  /** It knows the nodes: names are enough. */
  readonly nodeCacheCapable: boolean;
  /** Asked only about pods that want one of these; none: about all. */
  readonly managedResources: readonly { readonly name: string; readonly ignoredByScheduler: boolean }[];
  /** Without it, pods are scheduled all the same. */
  readonly ignorable: boolean;
  readonly tls: ExtenderTls;
}

export interface ExtenderTls {
  readonly insecure: boolean;
  readonly serverName: string | undefined;
  readonly ca: Buffer | undefined;
  readonly cert: Buffer | undefined;
  readonly key: Buffer | undefined;
}

const TIMEOUT_MS = 5_000;
const NO_TLS: ExtenderTls = { insecure: false, serverName: undefined, ca: undefined, cert: undefined, key: undefined };

/** Inline base64 data, which wins, or a file. */
function material(fields: Fields, name: 'ca' | 'cert' | 'key'): Buffer | undefined {
  const data = fields.text(`${name}Data`);
  const file = fields.text(`${name}File`);
  if (data) return Buffer.from(data, 'base64');
  if (!file) return undefined;
  try {
    return readFileSync(file);
  } catch (e) {
    throw new UserError(`${fields.at(`${name}File`)}: cannot read ${file} (${(e as NodeJS.ErrnoException).code})`);
  }
}

function tlsOf(fields: Fields | undefined): ExtenderTls {
  if (!fields) return NO_TLS;
  const tls = {
    insecure: fields.flag('insecure') ?? false,
    serverName: fields.text('serverName') || undefined,
    ca: material(fields, 'ca'),
    cert: material(fields, 'cert'),
    key: material(fields, 'key'),
  };
  fields.done();
  if (tls.insecure && tls.ca) throw new UserError(`${fields.at('insecure')}: excludes a CA to check the server with`);
  if ((tls.cert === undefined) !== (tls.key === undefined)) {
    throw new UserError(`${fields.path}: a certificate and its key are given together or not at all`);
  }
  return tls;
}

function managedOf(fields: Fields): ExtenderConfig['managedResources'] {
  const resources = fields.maps('managedResources').map((r) => {
    const name = r.requiredText('name');
    const [why] = qualifiedName(name);
    if (why) throw wrong(invalid(r.at('name'), name, why));
    const ignoredByScheduler = r.flag('ignoredByScheduler') ?? false;
    r.done();
    return { name, ignoredByScheduler };
  });
  for (const [i, { name }] of resources.entries()) {
    if (resources.findIndex((r) => r.name === name) === i) continue;
    throw wrong(duplicate(`${fields.at('managedResources')}[${i}].name`, name));
  }
  return resources;
}

function urlOf(fields: Fields): string {
  const url = fields.requiredText('urlPrefix').replace(/\/+$/, '');
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed?.protocol !== 'http:' && parsed?.protocol !== 'https:') {
    throw wrong(invalid(fields.at('urlPrefix'), url, 'must be a URL such as https://extender.example.org/scheduler'));
  }
  if (fields.flag('enableHTTPS') && parsed.protocol === 'http:') parsed.protocol = 'https:';
  return parsed.href.replace(/\/+$/, '');
}

function extenderOf(fields: Fields): ExtenderConfig {
  const verb = (name: string): string => (fields.text(name) ?? '').replace(/^\/+/, '');
  const prioritizeVerb = verb('prioritizeVerb');
  const weight = fields.count('weight') ?? 0;
  if (prioritizeVerb && weight <= 0) {
    throw wrong(invalid(fields.at('weight'), weight, 'must have a positive weight applied to it'));
  }
  const extender = {
    urlPrefix: urlOf(fields),
    filterVerb: verb('filterVerb'),
    preemptVerb: verb('preemptVerb'),
    prioritizeVerb,
    bindVerb: verb('bindVerb'),
    weight,
    httpTimeoutMs: fields.durationMs('httpTimeout') ?? TIMEOUT_MS,
    nodeCacheCapable: fields.flag('nodeCacheCapable') ?? false,
    managedResources: managedOf(fields),
    ignorable: fields.flag('ignorable') ?? false,
    tls: tlsOf(fields.map('tlsConfig')),
  };
  fields.done();
  return extender;
}

/** @throws UserError naming the field that is wrong */
export function extendersOf(list: readonly Fields[]): ExtenderConfig[] {
  const extenders = list.map(extenderOf);
  const binders = extenders.filter((e) => e.bindVerb).length;
  if (binders > 1) {
    throw wrong(
      invalid('extenders', `found ${binders} extenders implementing bind`, 'only one extender can implement bind'),
    );
  }
  return extenders;
}
