import { isIPv4, isIPv6 } from 'node:net';
import { parseDuration } from '../meta/duration.ts';

const matches =
  (pattern: RegExp) =>
  (text: string): boolean =>
    pattern.test(text);
const UUID = '[0-9a-f]{8}-?[0-9a-f]{4}-?';

/** Formats that Kubernetes checks of strings; others say something to people only. */
const FORMATS: Readonly<Record<string, (text: string) => boolean>> = {
  'date-time': matches(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/i),
  datetime: matches(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/i),
  date: matches(/^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])$/),
  duration: (text) => parseDuration(text) !== undefined,
  ipv4: isIPv4,
  ipv6: isIPv6,
  cidr: (text) => {
    const [address = '', bits = ''] = text.split('/');
    return /^\d{1,3}$/.test(bits) && (isIPv4(address) ? Number(bits) <= 32 : isIPv6(address) && Number(bits) <= 128);
  },
  mac: matches(/^(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}$/i),
  uuid: matches(new RegExp(`^${UUID}[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$`, 'i')),
  uuid3: matches(new RegExp(`^${UUID}3[0-9a-f]{3}-?[0-9a-f]{4}-?[0-9a-f]{12}$`, 'i')),
  uuid4: matches(new RegExp(`^${UUID}4[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$`, 'i')),
  uuid5: matches(new RegExp(`^${UUID}5[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$`, 'i')),
  byte: matches(/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/),
  email: matches(/^[^@\s]+@[^@\s]+$/),
  hostname: matches(/^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/i),
  uri: (text) => URL.canParse(text),
};

/** True when the text has the format, or nothing is known of the format. */
export const hasFormat = (format: string, text: string): boolean =>
  !Object.hasOwn(FORMATS, format) || FORMATS[format]?.(text) === true;
