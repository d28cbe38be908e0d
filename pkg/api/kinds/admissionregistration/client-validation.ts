import { type FieldError, invalid, required } from '../../meta/fielderrors.ts';
import { dnsSubdomain, portNumber } from '../../meta/names.ts';
import { invalidFor } from '../check/check.ts';
import type { ServiceReference, WebhookClientConfig } from './webhook-client.ts';

const FORM = '; desired format: https://host[/path]';

function validateUrl(path: string, text: string): FieldError[] {
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(text)?.[1]?.toLowerCase() ?? '';
  const found: FieldError[] = [];
  if (scheme !== 'https') found.push(invalid(path, scheme, `'https' is the only allowed URL scheme${FORM}`));
  const [, authority = '', rest = ''] = /^[^/]*\/\/([^/?#]*)(.*)$/.exec(text) ?? [];
  const at = authority.lastIndexOf('@');
  if (!authority.slice(at + 1)) found.push(invalid(path, '', `host must be specified${FORM}`));
  const user = authority.slice(0, Math.max(at, 0));
  if (at >= 0) found.push(invalid(path, user, 'user information is not permitted in the URL'));
  const [address = '', ...fragment] = rest.split('#');
  const [, ...query] = address.split('?');
  if (fragment.join('#')) {
    found.push(invalid(path, fragment.join('#'), 'fragments are not permitted in the URL'));
  }
  if (query.join('?')) found.push(invalid(path, query.join('?'), 'query parameters are not permitted in the URL'));
  return found;
}

/** The steps of a path are names. */
function validatePath(path: string, text: string | undefined): FieldError[] {
  if (!text || text === '/') return [];
  if (text === '//') return [invalid(path, text, 'segment[0] may not be empty')];
  const found = text.startsWith('/') ? [] : [invalid(path, text, "must start with a '/'")];
  const steps = text.slice(1).replace(/\/$/, '').split('/');
  const wrong = steps.flatMap((step, i) => {
    if (!step) return [`segment[${i}] may not be empty`];
    return dnsSubdomain(step).map((m) => `segment[${i}]: ${m}`);
  });
  return [...found, ...invalidFor(path, text, wrong)];
}

function validateService(path: string, { name, namespace, path: steps, port = 443 }: ServiceReference): FieldError[] {
  const found: FieldError[] = [];
  if (!name) found.push(required(`${path}.name`, 'service name is required'));
  if (!namespace) found.push(required(`${path}.namespace`, 'service namespace is required'));
  const wrong = portNumber(port);
  if (wrong.length > 0) found.push(invalid(`${path}.port`, port, `port is not valid: ${wrong.join(', ')}`));
  return [...found, ...validatePath(`${path}.path`, steps)];
}

/** Where a webhook is: a URL or a service. */
export function validateClientConfig(path: string, c: WebhookClientConfig | undefined): FieldError[] {
  const { url, service } = c ?? {};
  if (url !== undefined && service === undefined) return validateUrl(`${path}.url`, url);
  if (service !== undefined && url === undefined) return validateService(`${path}.service`, service);
  return [required(path, 'exactly one of url or service is required')];
}
