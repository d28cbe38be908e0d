import type { FastifyInstance } from 'fastify';
import { Registry } from 'prom-client';
import { apiVersionOf } from '#api/kind.ts';
import { builtinKinds } from '#api/kinds/index.ts';
import type { Clock } from '#async/clock.ts';
import type { Logger } from '#process/logger.ts';
import { runCompactor } from '#storage/compactor.ts';
import type { Storage } from '#storage/storage.ts';
import { defaultTolerationSeconds } from './admission/default-tolerations.ts';
import { namespaceLifecycle } from './admission/namespace-lifecycle.ts';
import { serviceAccountAdmission } from './admission/service-account.ts';
import { admissionChain } from './admission/types.ts';
import { authenticator, type TokenAuthenticator } from './authn/authenticator.ts';
import { type ServiceAccountKeys, serviceAccountTokens } from './authn/service-account.ts';
import { RbacAuthorizer } from './authz/rbac.ts';
import { RegistryCache } from './cache/registry-cache.ts';
import { apiMetrics } from './metrics.ts';
import type { BackendTls } from './proxy/backend.ts';
import { Deleter } from './registry/deleter.ts';
import { encodingOf } from './registry/encoding.ts';
import { makeResource, type Resource, ResourceTable } from './registry/resource.ts';
import { ObjectStore } from './registry/store.ts';
import { Writer } from './registry/writer.ts';
import { Dispatcher } from './rest/dispatch.ts';
import { WriteHandlers } from './rest/write.ts';
import { buildServer } from './server.ts';
import { ServiceAllocator } from './services/allocator.ts';
import { formatIpv4, parseCidr } from './services/ipv4.ts';
import { bindingHandler } from './subresources/binding.ts';
import { evictionHandler } from './subresources/eviction.ts';
import { namespaceFinalizeHandler } from './subresources/finalize.ts';
import { tokenHandler } from './subresources/token.ts';
import { Bootstrap } from './system/bootstrap.ts';
import { WatcherSet } from './watch/watcher.ts';

export interface ApiServerOptions {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly tls: { readonly cert: Buffer; readonly key: Buffer; readonly clientCa: Buffer };
  readonly agentTls: BackendTls;
  readonly serviceAccounts: ServiceAccountKeys;
  readonly staticTokens?: TokenAuthenticator;
  readonly serviceCidr: string;
  readonly nodePorts: { readonly first: number; readonly count: number };
  readonly advertiseAddress: string;
  readonly advertisePort: number;
  /** Between two bookmarks of a watch, milliseconds. */
  readonly bookmarkIntervalMs: number;
}

export interface ApiServer {
  readonly app: FastifyInstance;
  /** Loads the caches and creates the system objects; requests are answered correctly only after it. */
  start(signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

const REPAIR_INTERVAL_MS = 600_000;
const HEALTH_TIMEOUT_MS = 2000;

function serveKinds(resources: ResourceTable, cache: RegistryCache): void {
  for (const kind of builtinKinds) {
    const { group, plural } = kind;
    const encoding = encodingOf(kind);
    const cached = cache.resource({ group, plural, apiVersion: apiVersionOf(kind), kind: kind.kind, encoding });
    resources.add(makeResource(kind, cached, encoding));
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
  const resources = new ResourceTable();
  serveKinds(resources, cache);
  const allocator = new ServiceAllocator(storage, resources, { serviceCidr: o.serviceCidr, nodePorts: o.nodePorts });
  const admission = admissionChain([
    namespaceLifecycle(resources, storage),
    serviceAccountAdmission(resources, storage),
    defaultTolerationSeconds,
  ]);
  const writer = new Writer({ storage, clock, admission, hooks: [allocator] });
  const writes = new WriteHandlers(writer);
  const deleter = new Deleter(writer);
  const accounts = await serviceAccountTokens(o.serviceAccounts, resources, clock);
  const tokens: TokenAuthenticator[] = [...(o.staticTokens ? [o.staticTokens] : []), (t) => accounts.authenticate(t)];
  const authorizer = new RbacAuthorizer(resources);
  const storeOf = (r: Resource): ObjectStore => new ObjectStore(r, storage);
  const dispatcher = new Dispatcher({
    resources,
    writes,
    deleter,
    reviews: { authorizer, tokens },
    subresources: [
      bindingHandler(writes, writer),
      evictionHandler(deleter),
      namespaceFinalizeHandler(writes),
      tokenHandler({ tokens: accounts, resources, storeOf }),
    ],
  });
  const watchers = new WatcherSet();
  const registry = new Registry();
  const etcd = (): Promise<void> => storage.health(HEALTH_TIMEOUT_MS);
  let started = false;
  const loaded = (): void => {
    if (!started) throw new Error('the caches are being loaded');
  };
  const app = buildServer({
    tls: o.tls,
    agentTls: o.agentTls,
    authenticate: authenticator(tokens),
    authorizer,
    resources,
    dispatcher,
    watchers,
    live: { ping: () => {} },
    ready: { ping: () => {}, etcd, 'informer-sync': loaded },
    metrics: apiMetrics(registry, () => watchers.size),
    registry,
    clock,
    logger,
    serverAddress: `${o.advertiseAddress}:${o.advertisePort}`,
  });
  const bootstrap = new Bootstrap(
    { resources, writer, writes },
    {
      kubernetesServiceIp: formatIpv4(parseCidr(o.serviceCidr).base + 1),
      advertiseAddress: o.advertiseAddress,
      advertisePort: o.advertisePort,
    },
  );
  return {
    app,
    async start(signal) {
      await cache.start(signal);
      await bootstrap.run();
      started = true;
      runCompactor({ storage, clock, logger }, signal).catch((err: unknown) =>
        logger.error({ err }, 'compaction ended'),
      );
      every(clock, o.bookmarkIntervalMs, signal, () => watchers.bookmarkAll(), logger);
      every(clock, REPAIR_INTERVAL_MS, signal, () => allocator.repair().then(() => {}), logger);
    },
    async close() {
      watchers.endAll();
      await app.close();
    },
  };
}
