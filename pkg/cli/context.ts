import { type Kubeconfig, loadKubeconfig } from '#client/kubeconfig.ts';
import type { Discovery } from './api/discovery.ts';
import { loadDiscovery } from './api/discovery-cache.ts';
import { Rest } from './api/rest.ts';

/** Options every command takes. */
export interface GlobalOptions {
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly namespace?: string;
  readonly server?: string;
  readonly token?: string;
}

/** What commands work with: the streams, the server, and lazily its discovery. */
export interface CliContext {
  readonly rest: Rest;
  readonly config: Kubeconfig;
  readonly namespace: string;
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  readonly signal: AbortSignal;
  discovery(): Promise<Discovery>;
}

export interface Streams {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  readonly signal: AbortSignal;
}

/** Connects to the cluster the kubeconfig names. */
export async function openContext(options: GlobalOptions, streams: Streams): Promise<CliContext> {
  const config = withFlags(await loadKubeconfig(options.kubeconfig, process.env, options.context), options);
  const rest = new Rest(config, (w) => streams.err(`Warning: ${w}\n`));
  let loaded: Promise<Discovery> | undefined;
  return {
    rest,
    config,
    namespace: options.namespace || config.namespace || 'default',
    ...streams,
    discovery() {
      loaded ??= loadDiscovery(rest, config);
      return loaded;
    },
  };
}

/** Flags win over the file; a token takes the place of its certificate. */
function withFlags(config: Kubeconfig, { server, token }: GlobalOptions): Kubeconfig {
  const { cert: _c, key: _k, tokenFile: _f, tokenSource: _s, ...others } = config;
  const base = token ? { ...others, token } : config;
  return server ? { ...base, server } : base;
}
