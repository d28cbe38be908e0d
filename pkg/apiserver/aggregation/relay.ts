import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '#async/clock.ts';
import type { Upgrade } from '#websocket/acceptor.ts';
import { forward } from '../proxy/forward.ts';
import { pipeUpgrade } from '../proxy/upgrade.ts';
import type { UserInfo } from '../request/context.ts';
import { identityHeaders } from './identity.ts';
import type { RemoteTarget } from './target.ts';

/** The time limit of requests that are not long-running by nature. */
const PATIENCE_MS = 60_000;

/** Passes a request on to an aggregated server as the user who sent it. @throws StatusError 503, when nothing was written */
export async function relay(
  client: { request: IncomingMessage; response: ServerResponse; body: Buffer },
  target: RemoteTarget,
  user: UserInfo,
  clock: Clock,
): Promise<void> {
  const there = { ...target, secure: true, headers: identityHeaders(user), patienceMs: PATIENCE_MS };
  await forward(client, there, client.request.url ?? '/', clock);
}

/** The same for a request that switches protocols. @returns the code of the answer */
export async function relayUpgrade(
  client: Upgrade,
  target: RemoteTarget,
  user: UserInfo,
  clock: Clock,
): Promise<number> {
  const headers = identityHeaders(user);
  return pipeUpgrade(client, { ...target, path: client.request.url ?? '/', headers }, clock);
}
