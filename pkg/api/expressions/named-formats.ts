import { ArrayList, fn, type Library, NONE, Opaque, Optional, traversal, type Value } from '#cel/index.ts';
import { hasFormat } from '../custom/formats.ts';
import { dns1035Label, dnsLabel, dnsSubdomain, labelValue, qualifiedName } from '../meta/names.ts';

const NAME = 'kubernetes.NamedFormat';

/** All that is wrong with a text. */
type Check = (text: string) => string[];

/** Names that something may be appended to: a dash at the end is no fault. */
const prefixOf =
  (check: Check): Check =>
  (text) =>
    check(text.endsWith('-') ? `${text.slice(0, -1)}a` : text);

const ofFormat =
  (format: string, message: string): Check =>
  (text) =>
    hasFormat(format, text) ? [] : [message];

const FORMATS: Readonly<Record<string, Check>> = {
  dns1123Label: dnsLabel,
  dns1123Subdomain: dnsSubdomain,
  dns1035Label,
  qualifiedName,
  dns1123LabelPrefix: prefixOf(dnsLabel),
  dns1123SubdomainPrefix: prefixOf(dnsSubdomain),
  dns1035LabelPrefix: prefixOf(dns1035Label),
  labelValue,
  uri: ofFormat('uri', 'invalid URL'),
  uuid: ofFormat('uuid', 'does not match the UUID format'),
  byte: ofFormat('byte', 'invalid base64'),
  date: ofFormat('date', 'invalid date'),
  datetime: ofFormat('datetime', 'invalid datetime'),
};

class NamedFormat extends Opaque {
  readonly typeName = NAME;
  readonly #name: string;
  readonly #check: Check;
  constructor(name: string, check: Check) {
    super();
    this.#name = name;
    this.#check = check;
  }
  equals(other: Opaque): boolean {
    return other instanceof NamedFormat && other.#name === this.#name;
  }
  validate(text: string): Optional {
    const problems = this.#check(text);
    return problems.length === 0 ? NONE : new Optional(new ArrayList(problems));
  }
}

const known = new Map(Object.entries(FORMATS).map(([name, check]) => [name, new NamedFormat(name, check)]));
const named = (name: string): Value => {
  const format = known.get(name);
  return format ? new Optional(format) : NONE;
};

/** Kubernetes' format library. */
export const namedFormats: Library = {
  functions: [
    ...[...known].map(([name, format]) => fn(`format.${name}() ${NAME}`, () => format)),
    fn(`format.named(string) optional<${NAME}>`, named),
    fn(`${NAME}::validate(string) optional<list<string>>`, (f: NamedFormat, s: string) => f.validate(s), {
      cost: traversal,
    }),
  ],
};
