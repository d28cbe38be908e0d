import { loadKubeconfig } from '#client/kubeconfig.ts';
import { Discovery } from './api/discovery.ts';
import { Rest } from './api/rest.ts';

/** Options every command takes. */
export interface GlobalOptions {
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly namespace?: string;
}

/** What commands work with: the streams, the server, and lazily its discovery. */
export interface CliContext {
  readonly rest: Rest;
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
  const config = await loadKubeconfig(options.kubeconfig, process.env, options.context);
  const rest = new Rest(config, (w) => streams.err(`Warning: ${w}\n`));
  let loaded: Promise<Discovery> | undefined;
  return {
    rest,
    namespace: options.namespace || config.namespace || 'default',
    ...streams,
    discovery() {
      loaded ??= Discovery.load(rest);
      return loaded;
    },
  };
}
