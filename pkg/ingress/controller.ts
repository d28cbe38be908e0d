import {
  type Ingress,
  type IngressClass,
  IngressClasses,
  Ingresses,
  type Node,
  Nodes,
  type Secret,
  Secrets,
  type Service,
  Services,
} from '#api/kinds/index.ts';
import { sameJson } from '#api/meta/equal.ts';
import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import { readinessOf } from '#api/meta/readiness.ts';
import type { Clock } from '#async/clock.ts';
import { createCoalescingRunner } from '#async/coalesce.ts';
import { aborted } from '#async/signals.ts';
import type { Client, EventRecorder, Informer, InformerFactory, InformerHandlers } from '#client/types.ts';
import type { Logger } from '#process/logger.ts';
import type { Endpoints } from './endpoints.ts';
import { ensureClass, isServed } from './ingress-class.ts';
import { buildRules, type Rules } from './rules/build.ts';
import { type Certificate, CertificateCache } from './rules/certificates.ts';
import { addressesOf, Reporter } from './status.ts';

export interface IngressControllerDeps {
  readonly informers: InformerFactory;
  readonly client: Client;
  readonly events: EventRecorder;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly endpoints: Endpoints;
  /** The node this runs on, whose address clients are told. */
  readonly nodeName: string;
  /** IngressClass made at the start. */
  readonly className: string;
  /** "namespace/name" of a Secret whose certificate is shown when no other fits; unset: none. */
  readonly defaultSecret: string | undefined;
  readonly onDefaultCertificate: (certificate: Certificate) => void;
}

/** Changes are gathered for this long, milliseconds. */
const GATHER_MS = 20;
const RETRY_MS = 1000;
/** Statuses and events may take longer: a Service that is made right after its Ingress is not worth a complaint. */
const REPORT_GATHER_MS = 1000;

const NONE: Rules = buildRules([], {
  service: () => undefined,
  secret: () => undefined,
  certificates: new CertificateCache(),
  now: 0,
});

/** Keeps the rules of all Ingresses of our classes, and tells their owners how things are. */
export class IngressController {
  readonly #d: IngressControllerDeps;
  readonly #ingresses: Informer<Ingress>;
  readonly #classes: Informer<IngressClass>;
  readonly #services: Informer<Service>;
  readonly #secrets: Informer<Secret>;
  readonly #nodes: Informer<Node>;
  readonly #certificates = new CertificateCache();
  readonly #reporter: Reporter;
  #rules: Rules = NONE;
  #build: () => void = () => {};
  #report: () => void = () => {};

  constructor(deps: IngressControllerDeps) {
    this.#d = deps;
    const { informers } = deps;
    this.#ingresses = informers.informer(Ingresses);
    this.#classes = informers.informer(IngressClasses);
    this.#services = informers.informer(Services);
    this.#secrets = informers.informer(Secrets, { fieldSelector: 'type=kubernetes.io/tls' });
    this.#nodes = informers.informer(Nodes);
    this.#reporter = new Reporter(deps);
    const build = (): void => this.#build();
    this.#ingresses.addHandlers({
      onAdd: build,
      // A status, of ours or not, changes no rule.
      onUpdate: (old, o) =>
        old.metadata.generation === o.metadata.generation && sameMeta(old, o) ? this.#report() : build(),
      onDelete: build,
    });
    this.#classes.addHandlers(all(build));
    this.#services.addHandlers(all((s) => this.#looked('Service', s)));
    this.#secrets.addHandlers(all((s) => this.#looked('Secret', s)));
    this.#nodes.addHandlers({
      onAdd: () => this.#report(),
      onUpdate: (old, n) => {
        if (!sameJson(addressesOf(old), addressesOf(n)) || readinessOf(old) !== readinessOf(n)) this.#report();
      },
      onDelete: () => this.#report(),
    });
  }

  /** What is served just now. */
  get rules(): Rules {
    return this.#rules;
  }

  /** Resolves when the rules of all Ingresses there are have been read. */
  async synced(signal: AbortSignal): Promise<void> {
    await this.#d.informers.synced(signal);
    await ensureClass(this.#d.client, this.#classes.lister, this.#d.className);
    this.#rebuild();
  }

  /** Follows changes until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#d;
    const common = { clock, signal, retryMs: RETRY_MS };
    const builder = createCoalescingRunner({
      ...common,
      minIntervalMs: GATHER_MS,
      run: async () => this.#rebuild(),
      onError: (err) => logger.error({ err }, 'rules could not be read, will retry'),
    });
    const reporter = createCoalescingRunner({
      ...common,
      minIntervalMs: REPORT_GATHER_MS,
      run: () => this.#tell(),
      onError: (err) => logger.warn({ err }, 'the status of an Ingress could not be written, will retry'),
    });
    this.#build = () => builder.trigger();
    this.#report = () => void clock.after(REPORT_GATHER_MS, () => reporter.trigger(), { unref: true });
    this.#build();
    await aborted(signal);
    await Promise.all([builder.drain(), reporter.drain()]);
  }

  #looked(kind: string, { metadata: { namespace, name } }: Stored<KubeObject>): void {
    const { defaultSecret } = this.#d;
    if (this.#rules.looked.has(`${kind} ${namespace}/${name}`)) this.#build();
    else if (kind === 'Secret' && `${namespace}/${name}` === defaultSecret) this.#build();
  }

  #served(): Stored<Ingress>[] {
    return [...this.#ingresses.lister.list()].filter(
      (i) => !i.metadata.deletionTimestamp && isServed(i, this.#classes.lister),
    );
  }

  #rebuild(): void {
    const certificates = this.#certificates;
    this.#rules = buildRules(this.#served(), {
      service: (namespace, name) => this.#services.lister.get(name, namespace),
      secret: (namespace, name) => this.#secrets.lister.get(name, namespace),
      certificates,
      now: this.#d.clock.now(),
    });
    this.#d.endpoints.keep(this.#rules.backends);
    this.#setDefault();
    certificates.sweep();
    this.#report();
  }

  #setDefault(): void {
    const { defaultSecret, onDefaultCertificate, logger } = this.#d;
    if (defaultSecret === undefined) return;
    const [namespace = '', name = ''] = defaultSecret.split('/');
    const secret = this.#secrets.lister.get(name, namespace);
    try {
      if (secret) onDefaultCertificate(this.#certificates.of(secret));
      else logger.warn({ secret: defaultSecret }, 'the Secret with the default certificate is not there');
    } catch (err) {
      logger.warn({ err, secret: defaultSecret }, 'the default certificate cannot be used');
    }
  }

  async #tell(): Promise<void> {
    const node = this.#nodes.lister.get(this.#d.nodeName);
    const own = node ? addressesOf(node) : [];
    if (own.length === 0) return;
    await this.#reporter.all(this.#served(), { own, nodes: this.#nodes.lister, problems: this.#rules.problems });
  }
}

const all = <T extends KubeObject>(call: (o: Stored<T>) => void): InformerHandlers<T> => ({
  onAdd: call,
  onUpdate: (_old, o) => call(o),
  onDelete: call,
});

const sameMeta = (a: Stored<Ingress>, b: Stored<Ingress>): boolean =>
  JSON.stringify(a.metadata.annotations) === JSON.stringify(b.metadata.annotations) &&
  a.metadata.deletionTimestamp === b.metadata.deletionTimestamp;
