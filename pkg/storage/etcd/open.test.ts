import { expect, test } from 'vitest';
import { systemClock } from '#async/clock.ts';
import { silentLogger } from '#process/logger.ts';
import { Endpoints } from './endpoints.ts';
import { openEtcd } from './open.ts';

test.each<[string, readonly string[], RegExp]>([
  ['none', [], /no etcd endpoints/],
  ['a name alone', ['etcd1'], /etcd endpoint etcd1 is not of the form https:\/\/name:port or unix:\/\/\/path/],
  ['a socket by a relative path', ['unix://etcd1:2379'], /etcd endpoint unix:\/\/etcd1:2379 is not of the form/],
  ['plain and TLS', ['https://a:1', 'http://b:1'], /all https or all http/],
  ['TLS without a CA', ['unix:///run/a:1', 'https://b:1'], /need the file of the CA/],
])('endpoints that make no sense: %s', async (_, endpoints, words) => {
  await expect(openEtcd({ endpoints })).rejects.toThrow(words);
});

test('sockets need no files', async () => {
  const storage = await openEtcd({ endpoints: ['unix:///run/nobody/a:2379'] });
  await storage.close();
});

test('a member of this machine comes first, wherever it stands', () => {
  const urls = ['http://a:1', 'http://b:1', 'unix:///run/nobody/c:2379', 'http://d:1'];
  const started = Array.from({ length: 50 }, () => {
    const endpoints = new Endpoints({ urls, clock: systemClock, logger: silentLogger });
    try {
      return endpoints.current.url;
    } finally {
      endpoints.close();
    }
  });
  expect(new Set(started)).toEqual(new Set([urls[2]]));
});
