import { hostname } from 'node:os';
import type { FastifyInstance } from 'fastify';
import { Pods, type Service, Services } from '#api/kinds/index.ts';
import type { Clock } from '#async/clock.ts';
import { HealthPages } from '#process/health-pages.ts';
import type { Logger } from '#process/logger.ts';
import { processRegistry } from '#process/metrics.ts';
import type { Storage } from '#storage/storage.ts';
import { type Lookup, lookupIn } from './admission/lookup.ts';
import { type RecommendedAdmission, recommendedAdmission } from './admission/recommended.ts';
import type { ServiceResolver } from './admission/webhooks/call.ts';
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
import type { Authorizer } from './authz/rules.ts';
import { RegistryCache } from './cache/registry-cache.ts';
import { CustomResources } from './crd/controller.ts';
import { FlowControl } from './flow/control.ts';
import { FlowObjects } from './flow/maintain.ts';
import { apiMetrics } from './metrics.ts';
import type { BackendTls } from './proxy/backend.ts';
import { QuotaKeeper } from './quota/keeper.ts';
import { serveKinds, serveMeasured } from './registry/builtin.ts';
import { Deleter } from './registry/deleter.ts';
import { type Resource, ResourceTable } from './registry/resource.ts';
import { ObjectStore } from './registry/store.ts';
import { versionsIn } from './registry/versions.ts';
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
import { ServerIdentity } from './system/identity.ts';
import { publishTrust, trustData } from './system/trust.ts';
import { Upkeep, type UpkeepDeps } from './system/upkeep.ts';
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
  /** Whether nodes read no other Node and no pods of others (AuthorizeNodeWithSelectors); default: so it is. */
  readonly nodesWithSelectors?: boolean;
}

export interface ApiServer {
  readonly app: FastifyInstance;
  /** Loads the caches and creates the system objects; requests are answered correctly only after it. */
  start(signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

const HEALTH_TIMEOUT_MS = 2000;

/** What is stored, and who may write it. */
interface Registry {
  readonly cache: RegistryCache;
  readonly resources: ResourceTable;
  readonly lookup: Lookup;
  readonly authorizer: Authorizer;
  readonly rbac: RbacAuthorizer;
  readonly resolve: ServiceResolver;
}

function openRegistry({ storage, clock, logger, agentTls, nodesWithSelectors }: ApiServerOptions): Registry {
  const cache = new RegistryCache({ storage, clock, logger });
  storage.onOtherKeys?.(() => cache.readAgain());
  const resources = new ResourceTable();
  serveKinds(resources, cache);
  serveMeasured(cache, { resources, tls: agentTls, clock, logger });
  const pods = new NodePods(resources.of(Pods).cache);
  const nodes = new NodeAuthorizer(resources, pods, { withSelectors: nodesWithSelectors ?? true });
  const rbac = new RbacAuthorizer(resources);
  const resolve: ServiceResolver = (namespace, name, port) => {
    const service = resources.of(Services).cache.get(`${namespace}/${name}`)?.object as Service | undefined;
    if (!service) throw new Error(`service "${name}" not found`);
    return endpointOf(resources, service, String(port));
  };
  return { cache, resources, lookup: lookupIn(resources, storage), authorizer: anyOf([nodes, rbac]), rbac, resolve };
}

/** What a write goes through. */
interface WritePath {
  readonly admission: RecommendedAdmission;
  readonly allocator: ServiceAllocator;
  readonly quotas: QuotaKeeper;
  readonly writer: Writer;
  readonly writes: WriteHandlers;
  readonly deleter: Deleter;
}

function openWritePath(o: ApiServerOptions, registry: Registry): WritePath {
  const { storage, clock, logger, serviceCidrs, nodePorts } = o;
  const { resources } = registry;
  const allocator = new ServiceAllocator(storage, resources, { serviceCidrs, nodePorts, clock });
  const admission = recommendedAdmission({ ...registry, clock, logger });
  const quotas = new QuotaKeeper({ resources, storage, clock, logger });
  const hooks = [allocator, quotas];
  const writer = new Writer({ storage, clock, admission: admission.objects, hooks, versions: versionsIn(resources) });
  return { admission, allocator, quotas, writer, writes: new WriteHandlers(writer), deleter: new Deleter(writer) };
}

/** Whom tokens belong to, and how requests are carried out. */
async function openDispatcher(
  o: ApiServerOptions,
  { resources, lookup, authorizer, rbac }: Registry,
  { admission, writer, writes, deleter }: WritePath,
): Promise<{ readonly tokens: readonly TokenAuthenticator[]; readonly dispatcher: Dispatcher }> {
  const { storage, clock } = o;
  const accounts = await serviceAccountTokens(o.serviceAccounts, lookup, clock);
  const tokens: TokenAuthenticator[] = [
    ...(o.staticTokens ? [o.staticTokens] : []),
    bootstrapTokens(resources, clock),
    (t, audiences) => accounts.authenticate(t, audiences),
  ];
  const storeOf = (r: Resource): ObjectStore => new ObjectStore(r, storage);
  const guard = new DisruptionGuard({ lookup, resources, storage, clock });
  const dispatcher = new Dispatcher({
    ...{ storage, resources, writes, deleter },
    reviews: { authorizer, rules: rbac, tokens, audience: o.serviceAccounts.issuer },
    subresources: [
      bindingHandler(writes, writer),
      evictionHandler({ deleter, admission: admission.objects, storeOf, clock, guard }),
      namespaceFinalizeHandler(writes),
      tokenHandler({ tokens: accounts, admission: admission.objects, resources, lookup, storeOf }),
    ],
  });
  return { tokens, dispatcher };
}

/** What goes on besides requests. */
function openUpkeep(
  o: ApiServerOptions,
  registry: Registry,
  path: WritePath,
  shared: Pick<UpkeepDeps, 'watchers' | 'aggregator'> & { readonly flow: FlowControl },
): Upkeep {
  const { storage, clock, logger, advertiseAddress, advertisePort } = o;
  const { watchers, aggregator, flow } = shared;
  const { cache, resources, resolve } = registry;
  const { allocator, quotas, writer, writes, deleter } = path;
  const { ranges, addresses, kubernetesServiceIp } = allocator;
  const common = { resources, writer, writes, clock, logger };
  const cidrs = ranges.configured.map((r) => r.cidr);
  const defaultCidr = new DefaultServiceCidr({ ...common, storage }, cidrs);
  const trust = trustData(o.tls.clientCa, o.frontProxies);
  return new Upkeep({
    ...{ storage, clock, logger, cache, watchers, allocator, defaultCidr, quotas, aggregator },
    bookmarkIntervalMs: o.bookmarkIntervalMs,
    addresses: new AddressKeeper({ storage, resources, addresses, ranges, defaultCidr, clock, logger }),
    bootstrap: new Bootstrap(common, { kubernetesServiceIp, advertiseAddress, advertisePort }),
    flowObjects: new FlowObjects({ ...common, control: flow }),
    custom: new CustomResources({ resources, cache, writes, deleter, clock, logger, resolve }),
    registration: new Registration({ resources, writer, deleter, clock, logger }),
    identity: new ServerIdentity({ ...common, deleter }, hostname()),
    publishTrust: () => publishTrust(common, trust),
  });
}

/** Builds an API server over a storage; the one place where its parts meet. */
export async function assembleApiServer(o: ApiServerOptions): Promise<ApiServer> {
  const { storage, clock, logger, agentTls } = o;
  const registry = openRegistry(o);
  const { resources, authorizer } = registry;
  const path = openWritePath(o, registry);
  const { tokens, dispatcher } = await openDispatcher(o, registry, path);
  const audit = o.audit && new AuditLog(o.audit, logger);
  const serverAddress = `${o.advertiseAddress}:${o.advertisePort}`;
  const watchers = new WatcherSet(clock);
  const flow = new FlowControl(o.maxRequestsInFlight, clock);
  const { writes } = path;
  const aggregator = new Aggregator({ resources, writes, client: o.proxyClient ?? {}, clock, logger });
  const upkeep = openUpkeep(o, registry, path, { watchers, aggregator, flow });
  const metrics = processRegistry();
  const { clientCa, ...serving } = o.tls;
  const proxied = o.frontProxies && requestHeaders(o.frontProxies, clientCa);
  const ready = { etcd: () => storage.health(HEALTH_TIMEOUT_MS), 'informer-sync': upkeep.loaded };
  const app = buildServer({
    ...{ agentTls, flow, authorizer, resources, dispatcher, aggregator, watchers, clock, logger, serverAddress },
    tls: { ...serving, clientCas: [clientCa, ...(o.frontProxies ? [o.frontProxies.ca] : [])] },
    authenticate: impersonating(authenticator(tokens, proxied), authorizer),
    ...(audit ? { audit } : {}),
    issuer: issuerDocuments(o.serviceAccounts.publicKey, o.serviceAccounts.issuer, serverAddress),
    connectAdmission: path.admission.connections,
    health: new HealthPages({ livez: {}, readyz: ready, healthz: ready }),
    metrics: apiMetrics(metrics, () => watchers.size, flow),
    registry: metrics,
  });
  return {
    app,
    start: (signal) => upkeep.start(signal),
    async close() {
      watchers.endAll();
      await app.close();
      audit?.close();
    },
  };
}
