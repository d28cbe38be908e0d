import type { FastifyInstance } from 'fastify';
import { apiVersionOf } from '#api/kind.ts';
import {
  builtinKinds,
  furtherVersions,
  measuredKinds,
  NodeMetricses,
  Pods,
  type Service,
  Services,
} from '#api/kinds/index.ts';
import type { Clock } from '#async/clock.ts';
import type { Logger } from '#process/logger.ts';
import { processRegistry } from '#process/metrics.ts';
import { runCompactor } from '#storage/compactor.ts';
import type { Storage } from '#storage/storage.ts';
import { certificateAdmission } from './admission/certificates.ts';
import { claimResize } from './admission/claim-resize.ts';
import { defaultIngressClass, defaultStorageClass } from './admission/class-defaults.ts';
import { defaultTolerationSeconds } from './admission/default-tolerations.ts';
import { limitRanger } from './admission/limit-ranger.ts';
import { lookupIn } from './admission/lookup.ts';
import { namespaceLifecycle } from './admission/namespace-lifecycle.ts';
import { nodeRestriction } from './admission/node-restriction.ts';
import { ownerReferencesPermission } from './admission/owner-references.ts';
import { podSecurity } from './admission/pod-security/admission.ts';
import { validatingPolicies } from './admission/policies/plugin.ts';
import { priorityAdmission } from './admission/priority.ts';
import { rbacEscalation } from './admission/rbac-escalation.ts';
import { runtimeClassAdmission } from './admission/runtime-class.ts';
import { serviceAccountAdmission } from './admission/service-account.ts';
import { storageObjectInUseProtection } from './admission/storage-protection.ts';
import { taintNodesByCondition } from './admission/taint-nodes.ts';
import { admissionChain } from './admission/types.ts';
import type { ServiceResolver } from './admission/webhooks/call.ts';
import { mutatingWebhooks, validatingWebhooks } from './admission/webhooks/plugin.ts';
import { Aggregator } from './aggregation/aggregator.ts';
import { Registration } from './aggregation/registration.ts';
import type { ProxyClient } from './aggregation/target.ts';
import { AuditLog, type AuditOptions } from './audit/log.ts';
import { authenticator, type TokenAuthenticator } from './authn/authenticator.ts';
import { bootstrapTokens } from './authn/bootstrap-token.ts';
import { impersonating } from './authn/impersonation.ts';
import { issuerDocuments } from './authn/issuer.ts';
import { type RequestHeaderOptions, requestHeaders } from './authn/request-header.ts';
import { type ServiceAccountKeys, serviceAccountTokens } from './authn/service-account.ts';
import { anyOf } from './authz/authorize.ts';
import { NodeAuthorizer } from './authz/node.ts';
import { NodePods } from './authz/node-pods.ts';
import { RbacAuthorizer } from './authz/rbac.ts';
import { RegistryCache } from './cache/registry-cache.ts';
import { CustomResources } from './crd/controller.ts';
import { FlowControl } from './flow/control.ts';
import { FlowObjects } from './flow/maintain.ts';
import { apiMetrics } from './metrics.ts';
import { AgentStats, type AgentStatsDeps } from './nodemetrics/agents.ts';
import { liveNodeMetrics, livePodMetrics } from './nodemetrics/objects.ts';
import type { BackendTls } from './proxy/backend.ts';
import { QuotaKeeper } from './quota/keeper.ts';
import { Deleter } from './registry/deleter.ts';
import { encodingOf } from './registry/encoding.ts';
import { makeResource, makeView, type Resource, ResourceTable } from './registry/resource.ts';
import { ObjectStore } from './registry/store.ts';
import { Writer } from './registry/writer.ts';
import { Dispatcher } from './rest/dispatch.ts';
import { WriteHandlers } from './rest/write.ts';
import { buildServer } from './server.ts';
import { AddressKeeper } from './services/address-keeper.ts';
import { ServiceAllocator } from './services/allocator.ts';
import { DefaultServiceCidr } from './services/default-cidr.ts';
import { bindingHandler } from './subresources/binding.ts';
import { DisruptionGuard } from './subresources/disruption.ts';
import { evictionHandler } from './subresources/eviction.ts';
import { namespaceFinalizeHandler } from './subresources/finalize.ts';
import { endpointOf } from './subresources/proxy.ts';
import { tokenHandler } from './subresources/token.ts';
import { Bootstrap } from './system/bootstrap.ts';
import { publishTrust, trustData } from './system/trust.ts';
import { WatcherSet } from './watch/watcher.ts';

export interface ApiServerOptions {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly tls: { readonly cert: Buffer; readonly key: Buffer; readonly clientCa: Buffer };
  readonly agentTls: BackendTls;
  /** Which front proxies are believed; default: none. */
  readonly frontProxies?: RequestHeaderOptions;
  /** How this server shows aggregated ones that it is a front proxy itself. */
  readonly proxyClient?: ProxyClient;
  readonly serviceAccounts: ServiceAccountKeys;
  readonly staticTokens?: TokenAuthenticator;
  /** Addresses of Services, one range of each address family at most, the primary one first. */
  readonly serviceCidrs: readonly string[];
  readonly nodePorts: { readonly first: number; readonly count: number };
  readonly advertiseAddress: string;
  readonly advertisePort: number;
  /** Between two bookmarks of a watch, milliseconds. */
  readonly bookmarkIntervalMs: number;
  /** Requests carried out at a time: watches only while they begin, streams not at all. */
  readonly maxRequestsInFlight: number;
  /** Where requests are written down; default: nowhere. */
  readonly audit?: AuditOptions;
}

export interface ApiServer {
  readonly app: FastifyInstance;
  /** Loads the caches and creates the system objects; requests are answered correctly only after it. */
  start(signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

const REPAIR_INTERVAL_MS = 600_000;
const QUOTA_INTERVAL_MS = 5_000;
const TRUST_INTERVAL_MS = 60_000;
const FLOW_INTERVAL_MS = 60_000;
/** Until what a webhook kept from being written at the start is tried again. */
const BOOTSTRAP_INTERVAL_MS = 10_000;
const HEALTH_TIMEOUT_MS = 2000;

function serveKinds(resources: ResourceTable, cache: RegistryCache): void {
  for (const kind of builtinKinds) {
    const { group, plural } = kind;
    const encoding = encodingOf(kind);
    const cached = cache.resource({ group, plural, apiVersion: apiVersionOf(kind), kind: kind.kind, encoding });
    resources.add(makeResource(kind, cached, encoding));
  }
  for (const kind of furtherVersions) {
    if (kind.storedAs) resources.add(makeView(kind, kind.storedAs, resources.of(kind.storedAs.kind) as Resource));
  }
}

/** The resource metrics API: what the agents measure. */
function serveMeasured(cache: RegistryCache, deps: AgentStatsDeps): void {
  const { resources } = deps;
  const agents = new AgentStats(deps);
  for (const kind of measuredKinds) {
    const { group, plural } = kind;
    const encoding = encodingOf(kind);
    const nothing = cache.resource({ group, plural, apiVersion: apiVersionOf(kind), kind: kind.kind, encoding });
    const live = plural === NodeMetricses.plural ? liveNodeMetrics : livePodMetrics;
    resources.add({ ...makeResource(kind, nothing, encoding), live: live(resources, agents) });
  }
}

/** Runs `work` every `ms` until the signal aborts; failures are logged. */
function every(clock: Clock, ms: number, signal: AbortSignal, work: () => void | Promise<void>, logger: Logger): void {
  const again = (): void => {
    if (signal.aborted) return;
    clock.after(
      ms,
      () => {
        Promise.resolve()
          .then(work)
          .catch((err: unknown) => logger.warn({ err }, 'periodic work failed'))
          .finally(again);
      },
      { unref: true },
    );
  };
  again();
}

/** Builds an API server over a storage; the one place where its parts meet. */
export async function assembleApiServer(o: ApiServerOptions): Promise<ApiServer> {
  const { storage, clock, logger } = o;
  const cache = new RegistryCache({ storage, clock, logger });
  storage.onOtherKeys?.(() => cache.readAgain());
  const resources = new ResourceTable();
  serveKinds(resources, cache);
  serveMeasured(cache, { resources, tls: o.agentTls, clock, logger });
  const allocator = new ServiceAllocator(storage, resources, {
    serviceCidrs: o.serviceCidrs,
    nodePorts: o.nodePorts,
    clock,
  });
  const lookup = lookupIn(resources, storage);
  const nodes = new NodeAuthorizer(resources, new NodePods(resources.of(Pods).cache));
  const rbac = new RbacAuthorizer(resources);
  const authorizer = anyOf([nodes, rbac]);
  const serviceEndpoint: ServiceResolver = (namespace, name, port) => {
    const service = resources.of(Services).cache.get(`${namespace}/${name}`)?.object as Service | undefined;
    if (!service) throw new Error(`service "${name}" not found`);
    return endpointOf(resources, service, String(port));
  };
  const webhooks = { lookup, resources, clock, logger, resolve: serviceEndpoint, authorizer };
  const judges = [
    mutatingWebhooks(webhooks),
    validatingPolicies({ lookup, resources, authorizer }),
    validatingWebhooks(webhooks),
  ];
  // The order is that of Kubernetes' recommended plugins.
  const admission = admissionChain([
    namespaceLifecycle(lookup),
    limitRanger(lookup),
    serviceAccountAdmission(lookup),
    nodeRestriction(lookup),
    taintNodesByCondition,
    podSecurity(lookup),
    priorityAdmission(lookup),
    defaultTolerationSeconds,
    storageObjectInUseProtection,
    defaultIngressClass(lookup),
    defaultStorageClass(lookup),
    claimResize(lookup),
    ownerReferencesPermission(resources, authorizer),
    rbacEscalation(lookup, authorizer, rbac),
    runtimeClassAdmission(lookup),
    certificateAdmission(authorizer),
    ...judges,
  ]);
  const quotas = new QuotaKeeper({ resources, storage, clock, logger });
  const writer = new Writer({ storage, clock, admission, hooks: [allocator, quotas] });
  const writes = new WriteHandlers(writer);
  const deleter = new Deleter(writer);
  const accounts = await serviceAccountTokens(o.serviceAccounts, lookup, clock);
  const tokens: TokenAuthenticator[] = [
    ...(o.staticTokens ? [o.staticTokens] : []),
    bootstrapTokens(resources, clock),
    (t, audiences) => accounts.authenticate(t, audiences),
  ];
  const storeOf = (r: Resource): ObjectStore => new ObjectStore(r, storage);
  const dispatcher = new Dispatcher({
    storage,
    resources,
    writes,
    deleter,
    reviews: { authorizer, rules: rbac, tokens, audience: o.serviceAccounts.issuer },
    subresources: [
      bindingHandler(writes, writer),
      evictionHandler({
        deleter,
        admission,
        storeOf,
        clock,
        guard: new DisruptionGuard({ lookup, resources, storage, clock }),
      }),
      namespaceFinalizeHandler(writes),
      tokenHandler({ tokens: accounts, admission, resources, lookup, storeOf }),
    ],
  });
  const custom = new CustomResources({ resources, cache, writes, deleter, clock, logger, resolve: serviceEndpoint });
  const audit = o.audit && new AuditLog(o.audit, logger);
  const address = `${o.advertiseAddress}:${o.advertisePort}`;
  const watchers = new WatcherSet(clock);
  const flow = new FlowControl(o.maxRequestsInFlight, clock);
  const flowObjects = new FlowObjects({ resources, writer, writes, control: flow, clock, logger });
  const registry = processRegistry();
  const etcd = (): Promise<void> => storage.health(HEALTH_TIMEOUT_MS);
  let started = false;
  const loaded = (): void => {
    if (!started) throw new Error('the caches are being loaded');
  };
  const aggregator = new Aggregator({ resources, writes, client: o.proxyClient ?? {}, clock, logger });
  const registration = new Registration({ resources, writer, deleter, clock, logger });
  const { clientCa, ...serving } = o.tls;
  const proxied = o.frontProxies && requestHeaders(o.frontProxies, clientCa);
  const trust = trustData(clientCa, o.frontProxies);
  const publish = (): Promise<void> => publishTrust({ resources, writer, writes }, trust);
  const app = buildServer({
    tls: { ...serving, clientCas: [clientCa, ...(o.frontProxies ? [o.frontProxies.ca] : [])] },
    agentTls: o.agentTls,
    authenticate: impersonating(authenticator(tokens, proxied), authorizer),
    ...(audit ? { audit } : {}),
    flow,
    issuer: issuerDocuments(o.serviceAccounts.publicKey, o.serviceAccounts.issuer, address),
    authorizer,
    resources,
    dispatcher,
    connectAdmission: admissionChain(judges),
    aggregator,
    watchers,
    live: { ping: () => {} },
    ready: { ping: () => {}, etcd, 'informer-sync': loaded },
    metrics: apiMetrics(registry, () => watchers.size, flow),
    registry,
    clock,
    logger,
    serverAddress: address,
  });
  const { ranges, addresses } = allocator;
  const defaultCidr = new DefaultServiceCidr(
    { resources, storage, writer, writes, clock, logger },
    ranges.configured.map((r) => r.cidr),
  );
  const keeper = new AddressKeeper({ storage, resources, addresses, ranges, defaultCidr, clock, logger });
  const bootstrap = new Bootstrap(
    { resources, writer, writes, logger },
    {
      kubernetesServiceIp: allocator.kubernetesServiceIp,
      advertiseAddress: o.advertiseAddress,
      advertisePort: o.advertisePort,
    },
  );
  return {
    app,
    async start(signal) {
      await cache.start(signal);
      await keeper.start(signal);
      await defaultCidr.ensure();
      let complete = await bootstrap.run();
      flowObjects.start(signal);
      // Both are tried again and again anyway; a webhook that is not there yet must not keep the server from starting.
      const later = (err: unknown): void => logger.warn({ err }, 'will be written later');
      await flowObjects.maintain().catch(later);
      custom.start(signal);
      await publish().catch(later);
      aggregator.start(signal);
      registration.start(signal);
      started = true;
      runCompactor({ storage, clock, logger }, signal).catch((err: unknown) =>
        logger.error({ err }, 'compaction ended'),
      );
      every(clock, o.bookmarkIntervalMs, signal, () => watchers.bookmarkAll(), logger);
      every(clock, TRUST_INTERVAL_MS, signal, publish, logger);
      const again = async (): Promise<void> => {
        if (!complete) complete = await bootstrap.run();
      };
      every(clock, BOOTSTRAP_INTERVAL_MS, signal, again, logger);
      every(clock, FLOW_INTERVAL_MS, signal, () => flowObjects.maintain(), logger);
      every(clock, QUOTA_INTERVAL_MS, signal, () => quotas.repair(), logger);
      every(clock, REPAIR_INTERVAL_MS, signal, () => allocator.repair().then(() => defaultCidr.ensure()), logger);
    },
    async close() {
      watchers.endAll();
      await app.close();
      audit?.close();
    },
  };
}
