import type { Ingress, Secret, Service } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { readSettings } from './annotations.ts';
import { type CertificateCache, ServerNames } from './certificates.ts';
import { rulePath } from './path.ts';
import { RouteTable } from './route-table.ts';
import type { Backend, Problem, Protocol, Route, RouteSettings } from './types.ts';

type IngressBackend = NonNullable<NonNullable<Ingress['spec']>['defaultBackend']>;

/** What rules refer to. */
export interface Sources {
  service(namespace: string, name: string): Stored<Service> | undefined;
  secret(namespace: string, name: string): Stored<Secret> | undefined;
  readonly certificates: CertificateCache;
  readonly now: number;
}

/** All that is served, made anew as a whole and never changed. */
export interface Rules {
  readonly routes: RouteTable;
  readonly serverNames: ServerNames;
  readonly backends: readonly Backend[];
  /** What is wrong, by uid of the Ingress. */
  readonly problems: ReadonlyMap<string, readonly Problem[]>;
  /** "Service namespace/name" and "Secret namespace/name" of everything looked at. */
  readonly looked: ReadonlySet<string>;
}

const keyOf = (o: Stored<Ingress>): string => `${o.metadata.namespace}/${o.metadata.name}`;
const olderFirst = (a: Stored<Ingress>, b: Stored<Ingress>): number =>
  Date.parse(a.metadata.creationTimestamp) - Date.parse(b.metadata.creationTimestamp) || (keyOf(a) < keyOf(b) ? -1 : 1);

/**
 * Pure: routes and certificates of these Ingresses. Of two that want the same host and path the older has it. Whatever is
 * wrong with one concerns none of the others.
 */
export function buildRules(ingresses: Iterable<Stored<Ingress>>, sources: Sources): Rules {
  const builder = new Builder(sources);
  const sorted = [...ingresses].sort(olderFirst);
  for (const ingress of sorted) builder.add(ingress);
  builder.addDefaults(sorted);
  return builder.rules();
}

interface Draft {
  readonly ingress: Stored<Ingress>;
  readonly settings: RouteSettings;
  readonly problems: Problem[];
  /** Hosts under `tls`; "" for all of the Ingress. */
  readonly tlsHosts: ReadonlySet<string>;
}

class Builder {
  readonly #sources: Sources;
  readonly #routes = new RouteTable();
  readonly #serverNames = new ServerNames();
  readonly #backends: Backend[] = [];
  readonly #problems = new Map<string, Problem[]>();
  readonly #looked = new Set<string>();
  readonly #defaults = new Map<string, Route>();

  constructor(sources: Sources) {
    this.#sources = sources;
  }

  rules(): Rules {
    return {
      routes: this.#routes,
      serverNames: this.#serverNames,
      backends: this.#backends,
      problems: this.#problems,
      looked: this.#looked,
    };
  }

  add(ingress: Stored<Ingress>): void {
    const problems: Problem[] = [];
    try {
      this.#add(ingress, problems);
    } catch (e) {
      problems.push({ reason: 'Rejected', message: (e as Error).message });
    }
    if (problems.length > 0) this.#problems.set(ingress.metadata.uid, problems);
  }

  #add(ingress: Stored<Ingress>, problems: Problem[]): void {
    const { spec, metadata } = ingress;
    const settings = readSettings(metadata.annotations ?? {}, problems);
    const tlsHosts = new Set((spec?.tls ?? []).flatMap((t) => (t.hosts?.length ? t.hosts : [''])));
    const draft: Draft = { ingress, settings, problems, tlsHosts };
    this.#addTls(draft);
    for (const rule of spec?.rules ?? []) {
      for (const path of rule.http?.paths ?? []) {
        try {
          this.#addPath(draft, rule.host ?? '', path);
        } catch (e) {
          problems.push({ reason: 'Rejected', message: (e as Error).message });
        }
      }
    }
    if (!spec?.defaultBackend) return;
    const route = this.#route(draft, '', {
      backend: this.#backend(draft, spec.defaultBackend),
      depth: 0,
      exact: false,
    });
    this.#defaults.set(metadata.uid, route);
    for (const rule of spec.rules ?? [])
      if (rule.host) this.#routes.addFallback(rule.host, this.#forHost(draft, route, rule.host));
  }

  /** Rules for no host in particular, and what nothing matches: an Ingress without rules before one with them. */
  addDefaults(sorted: readonly Stored<Ingress>[]): void {
    const plain = sorted.filter((i) => !i.spec?.rules?.length);
    for (const { metadata } of [...plain, ...sorted]) this.#routes.default ??= this.#defaults.get(metadata.uid);
  }

  #route(d: Draft, host: string, o: Pick<Route, 'backend' | 'depth' | 'exact'>): Route {
    const { namespace, service, port } = o.backend;
    const found = this.#sources.service(namespace, service);
    const protocol = d.settings.protocol ?? protocolOf(found && portOf(found, port)?.appProtocol);
    const tls = d.tlsHosts.has('') || d.tlsHosts.has(host) || d.tlsHosts.has(host.replace(/^[^.]+/, '*'));
    return { ingress: keyOf(d.ingress), settings: d.settings, protocol, tls, ...o };
  }

  #forHost(d: Draft, route: Route, host: string): Route {
    const { backend, depth, exact } = route;
    return this.#route(d, host, { backend, depth, exact });
  }

  #addPath(
    d: Draft,
    host: string,
    p: { readonly path?: string; readonly pathType: string; readonly backend: IngressBackend },
  ): void {
    const path = rulePath(p.path ?? '', p.pathType);
    const route = this.#route(d, host, { backend: this.#backend(d, p.backend), depth: path.depth, exact: path.exact });
    const before = this.#routes.add(host, path, route);
    if (!before) return;
    const where = `host "${host || '*'}" path "${p.path ?? '/'}"`;
    const who = before.ingress === route.ingress ? 'an earlier rule' : `the older Ingress ${before.ingress}`;
    d.problems.push({ reason: 'Conflict', message: `${where} belongs to ${who}` });
  }

  /** A backend that is not there yet is served as soon as it is: only an event tells of it. */
  #backend(d: Draft, b: IngressBackend): Backend {
    const namespace = d.ingress.metadata.namespace ?? '';
    const { name: service, port } = b.service ?? {};
    if (!service)
      throw new Error(`backend ${b.resource?.kind} "${b.resource?.name}" is not supported, only Services are`);
    const backend = { namespace, service, port: port?.name || (port?.number ?? 0) };
    this.#looked.add(`Service ${namespace}/${service}`);
    const found = this.#sources.service(namespace, service);
    if (!found) d.problems.push({ reason: 'ServiceNotFound', message: `Service "${service}" does not exist` });
    else if (found.spec?.type === 'ExternalName') {
      throw new Error(`Service "${service}" is of type ExternalName, which has no endpoints`);
    } else if (servicePortName(found, backend.port) === undefined) {
      d.problems.push({ reason: 'ServiceNotFound', message: `Service "${service}" has no TCP port ${backend.port}` });
    }
    this.#backends.push(backend);
    return backend;
  }

  #addTls({ ingress, problems }: Draft): void {
    const { certificates, now } = this.#sources;
    const namespace = ingress.metadata.namespace ?? '';
    const ruleHosts = (ingress.spec?.rules ?? []).map((r) => r.host ?? '');
    for (const { hosts, secretName } of ingress.spec?.tls ?? []) {
      // Without a Secret somebody else's certificate for the host is used, if there is one.
      if (!secretName) continue;
      this.#looked.add(`Secret ${namespace}/${secretName}`);
      const say = (what: string): void => {
        problems.push({ reason: 'BadCertificate', message: `Secret "${secretName}" ${what}` });
      };
      const secret = this.#sources.secret(namespace, secretName);
      if (!secret) {
        say('does not exist, or is not of type kubernetes.io/tls');
        continue;
      }
      try {
        const certificate = certificates.of(secret);
        for (const host of hosts?.length ? hosts : ruleHosts.length > 0 ? ruleHosts : ['']) {
          this.#serverNames.add(host, certificate);
          const objection = host ? certificate.objection(host, now) : undefined;
          if (objection) say(objection);
        }
      } catch (e) {
        say((e as Error).message);
      }
    }
  }
}

/** What `appProtocol` of a port says ("Application protocol"); of others no more is known than that HTTP may be tried. */
const protocolOf = (appProtocol: string | undefined): Protocol =>
  appProtocol === 'kubernetes.io/h2c' || appProtocol === 'grpc' ? 'h2c' : 'http1';

const portOf = (service: Service, port: number | string) =>
  service.spec?.ports?.find(
    (p) => (p.protocol ?? 'TCP') === 'TCP' && (typeof port === 'string' ? p.name === port : p.port === port),
  );

/** Name of a TCP port of a Service in its slices, "" for an unnamed one; undefined when it has no such port. */
export function servicePortName(service: Service, port: number | string): string | undefined {
  const found = portOf(service, port);
  return found && (found.name ?? '');
}
