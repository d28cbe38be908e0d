/**
 * Connects to each of some addresses in turns, in the network namespace it is started in, whose "lo" is to have the
 * addresses of the ends: `node connects.ts PORT ROUNDS HOST:PORT...`. PORT is where the ends listen. Prints the median time
 * of each, microseconds, as a JSON list.
 */
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { median } from '../groups/group.ts';

const [port = '', rounds = '', ...targets] = process.argv.slice(2);
const server = createServer((socket) => socket.on('error', () => {}).end());
server.listen(Number(port));
await once(server, 'listening');

async function took(target: string): Promise<number> {
  const at = target.lastIndexOf(':');
  const started = performance.now();
  const socket = connect({ host: target.slice(0, at), port: Number(target.slice(at + 1)) });
  await once(socket, 'connect');
  const ms = performance.now() - started;
  socket.resume();
  await once(socket, 'close');
  return ms * 1000;
}

const times = targets.map((): number[] => []);
for (let i = 0; i < Number(rounds); i++)
  for (const [t, target] of targets.entries()) times[t]?.push(await took(target));
console.log(JSON.stringify(times.map(median)));
server.close();
