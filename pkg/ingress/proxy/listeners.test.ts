import { once } from 'node:events';
import { connect } from 'node:http2';
import { expect, test } from 'vitest';
import type { Secret } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { systemClock } from '#async/clock.ts';
import { authority, certificateFor } from '../fixtures.ts';
import { Certificate } from '../rules/certificates.ts';
import type { Front } from './front.ts';
import { listen } from './listeners.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');

test('an idle session of HTTP/2 ends, one with a quiet request goes on', async () => {
  const { cert, key } = await certificateFor(['localhost']);
  const data = { 'tls.crt': base64(cert), 'tls.key': base64(key) };
  const certificate = new Certificate({
    metadata: { uid: 'u', resourceVersion: '1' },
    data,
  } as unknown as Stored<Secret>);
  const arrived = Promise.withResolvers<void>();
  // Of two requests the second is not answered.
  const onRequest = (request: { url: string }, response: { end(): void }): void => {
    if (request.url === '/quiet') arrived.resolve();
    else response.end();
  };
  const listeners = await listen({
    ...{ front: { onRequest, onUpgrade: () => {} } as unknown as Front, clock: systemClock, address: '127.0.0.1' },
    ...{ httpPort: 0, httpsPort: 0, idleMs: 200, certificate: () => certificate },
  });
  const session = () =>
    connect(`https://localhost:${listeners.httpsPort}`, { ca: authority.cert, lookup }).on('error', () => {});
  /** A session that is slow to send its request may be taken for idle before. */
  const begin = async () => {
    for (;;) {
      const quiet = session();
      const open = quiet.request({ ':path': '/quiet' }).on('error', () => {});
      const ended = once(quiet, 'close').then(() => false);
      if (await Promise.race([ended, arrived.promise.then(() => true)])) return { quiet, open };
    }
  };
  const { quiet, open } = await begin();
  const [answered, unused] = [session(), session()];
  answered
    .request({ ':path': '/' })
    .on('error', () => {})
    .resume();
  await Promise.all([once(answered, 'close'), once(unused, 'close')]);
  expect([open.closed, quiet.closed]).toEqual([false, false]);
  quiet.destroy();
  await listeners.close();
});

/** Every name is this machine. */
const lookup = ((_host: string, _o: object, done: (e: null, all: object[]) => void) =>
  done(null, [{ address: '127.0.0.1', family: 4 }])) as never;
