import { createClient } from '#client/client.ts';
import type { Kubeconfig } from '#client/kubeconfig.ts';
import type { Client } from '#client/types.ts';
import { silentLogger } from '#process/logger.ts';

/** A client for one piece of work, closed after it. */
export async function withClient<T>(config: Kubeconfig, work: (client: Client) => Promise<T>): Promise<T> {
  const client = createClient({ ...config, userAgent: 'cox', logger: silentLogger });
  try {
    return await work(client);
  } finally {
    await client.close();
  }
}
