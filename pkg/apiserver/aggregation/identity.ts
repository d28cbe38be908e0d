import type { OutgoingHttpHeaders } from 'node:http';
import type { UserInfo } from '../request/context.ts';

/** Names of the headers in which a front proxy says for whom it asks ("Configure the Aggregation Layer"). */
export const IDENTITY_HEADERS = {
  user: 'X-Remote-User',
  uid: 'X-Remote-Uid',
  group: 'X-Remote-Group',
  extraPrefix: 'X-Remote-Extra-',
} as const;

/** Node writes header values as Latin-1: the bytes of UTF-8 go out as they are. Line ends would begin another header. */
const headerValue = (text: string): string => Buffer.from(text.replace(/[\r\n\0]/g, ' ')).toString('latin1');

/** Keys of extra attributes may hold what header names may not. */
const headerKey = (key: string): string =>
  encodeURIComponent(key).replace(/[()]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

/** Who asks, for a server that believes our certificate. */
export function identityHeaders(user: UserInfo): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = { [IDENTITY_HEADERS.user]: headerValue(user.name) };
  if (user.uid) headers[IDENTITY_HEADERS.uid] = headerValue(user.uid);
  if (user.groups.length > 0) headers[IDENTITY_HEADERS.group] = user.groups.map(headerValue);
  for (const [key, values] of Object.entries(user.extra ?? {})) {
    if (values.length > 0) headers[IDENTITY_HEADERS.extraPrefix + headerKey(key)] = values.map(headerValue);
  }
  return headers;
}
