import type { Ingress, IngressClass, Service } from '#api/kinds/index.ts';
import type { Answer } from './answer.ts';

const DEFAULT_CLASS = 'ingressclass.kubernetes.io/is-default-class';
/** What named the class before there was a field for it. */
const CLASS_ANNOTATION = 'kubernetes.io/ingress.class';

/** What an Ingress refers to, as far as it is there. */
export interface Around {
  readonly classes: readonly IngressClass[];
  readonly services: readonly Service[];
  /** Names of the Secrets that are not there. */
  readonly missingSecrets: readonly string[];
}

function backendsOf({ spec }: Ingress) {
  const paths = (spec?.rules ?? []).flatMap((r) =>
    (r.http?.paths ?? []).map((p) => ({ at: `${r.host ?? ''}${p.path ?? '/'}`, service: p.backend.service })),
  );
  return [{ at: 'the default backend', service: spec?.defaultBackend?.service }, ...paths];
}

/** Names of the Services an Ingress leads to, each once. */
export const servicesOf = (o: Ingress): string[] => [...new Set(backendsOf(o).flatMap((b) => b.service?.name ?? []))];

function classTrouble({ metadata, spec }: Ingress, classes: readonly IngressClass[]): Answer | undefined {
  const wanted = spec?.ingressClassName ?? metadata?.annotations?.[CLASS_ANNOTATION];
  const evidence = [`ingress classes: ${classes.map((c) => c.metadata?.name).join(', ') || 'none'}`];
  const next = 'cox get ingressclass';
  if (wanted !== undefined && !classes.some((c) => c.metadata?.name === wanted))
    return { because: `there is no ingress class "${wanted}"`, evidence, next };
  const isDefault = (c: IngressClass) => c.metadata?.annotations?.[DEFAULT_CLASS] === 'true';
  if (wanted === undefined && !classes.some(isDefault))
    return { because: 'it names no ingress class, and none is the default one', evidence, next };
  return undefined;
}

/** Why an Ingress leads nowhere, as far as it is for itself and what it names; undefined when all that is there. */
export function whyIngress(o: Ingress, { classes, services, missingSecrets }: Around): Answer | undefined {
  const wrongClass = classTrouble(o, classes);
  if (wrongClass) return wrongClass;
  for (const { at, service } of backendsOf(o)) {
    if (!service) continue;
    const found = services.find((s) => s.metadata?.name === service.name);
    if (!found)
      return { because: `there is no Service "${service.name}"`, evidence: [`backend of ${at}`], next: 'cox get svc' };
    const { name, number } = service.port ?? {};
    const ports = found.spec?.ports ?? [];
    if (ports.some((p) => (name ? p.name === name : p.port === number))) continue;
    return {
      because: `Service "${service.name}" has no port ${name ? `"${name}"` : number}`,
      evidence: [
        `backend of ${at}`,
        `its ports: ${ports.map((p) => `${p.name ? `${p.name} ` : ''}${p.port}`).join(', ')}`,
      ],
      next: `cox describe svc ${service.name}`,
    };
  }
  const [secret] = missingSecrets;
  if (secret)
    return {
      because: `there is no Secret "${secret}" with the certificate for its TLS`,
      evidence: [],
      next: 'cox get secrets',
    };
  if (!o.status?.loadBalancer?.ingress?.length)
    return {
      because: 'no ingress controller has given it an address',
      evidence: [],
      next: `cox describe ingress ${o.metadata?.name}`,
    };
  return undefined;
}
