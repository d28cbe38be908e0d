import type { IpFamily } from '#api/meta/ip.ts';

/** What every host calls itself. */
export const LOOPBACK: Readonly<Record<IpFamily, string>> = { IPv4: '127.0.0.0/8', IPv6: '::1/128' };
