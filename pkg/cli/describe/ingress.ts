import type { EndpointSlice, Ingress, IngressBackend, IngressClass, Service } from '#api/kinds/index.ts';
import { isNotFound } from '#api/meta/errors.ts';
import type { CliContext } from '../context.ts';
import { endpointsText } from './network.ts';
import { annotations, head } from './values.ts';
import type { DescriptionWriter } from './writer.ts';

/** Who answers for a backend now: addresses of pods, or why there are none. */
async function endpointsOf(ctx: CliContext, namespace: string, b: NonNullable<IngressBackend['service']>) {
  try {
    const service = await ctx.rest.json<Service>({ path: `/api/v1/namespaces/${namespace}/services/${b.name}` });
    const port = (service.spec?.ports ?? []).find((p) => p.name === b.port?.name || p.port === b.port?.number);
    const path = `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`;
    const query = { labelSelector: `kubernetes.io/service-name=${b.name}` };
    const { items } = await ctx.rest.json<{ items: EndpointSlice[] }>({ path, query });
    return endpointsText(items, port?.name ?? '');
  } catch (e) {
    if (isNotFound(e)) return `<error: ${(e as Error).message}>`;
    throw e;
  }
}

async function backendText(ctx: CliContext, namespace: string, b: IngressBackend | undefined): Promise<string> {
  if (b?.service) {
    const { name, port } = b.service;
    return `${name}:${port?.name || (port?.number ?? '')} (${await endpointsOf(ctx, namespace, b.service)})`;
  }
  const r = b?.resource;
  return r ? `APIGroup: ${r.apiGroup ?? '<none>'}, Kind: ${r.kind}, Name: ${r.name}` : '';
}

async function rules(w: DescriptionWriter, ing: Ingress, ctx: CliContext): Promise<void> {
  const namespace = ing.metadata?.namespace ?? '';
  w.line(0, 'Rules:');
  w.line(1, 'Host', 'Path', 'Backends');
  w.line(1, '----', '----', '--------');
  let count = 0;
  for (const rule of ing.spec?.rules ?? []) {
    if (!rule.http) continue;
    count++;
    w.line(1, rule.host || '*', '');
    for (const p of rule.http.paths ?? [])
      w.line(1, '', `${p.path ?? ''} `, await backendText(ctx, namespace, p.backend));
  }
  if (count === 0)
    w.line(
      1,
      '*',
      '*',
      ing.spec?.defaultBackend ? await backendText(ctx, namespace, ing.spec.defaultBackend) : '<default>',
    );
}

export async function describeIngress(w: DescriptionWriter, ing: Ingress, ctx: CliContext): Promise<void> {
  const { metadata, spec, status } = ing;
  w.line(0, 'Name:', metadata?.name ?? '');
  w.map(0, 'Labels:', metadata?.labels);
  w.line(0, 'Namespace:', metadata?.namespace ?? '');
  const addresses = (status?.loadBalancer?.ingress ?? []).map((i) => i.ip || i.hostname || '');
  w.line(0, 'Address:', addresses.join(','));
  w.line(0, 'Ingress Class:', spec?.ingressClassName ?? '<none>');
  const fallback = spec?.defaultBackend;
  w.line(0, 'Default backend:', fallback ? await backendText(ctx, metadata?.namespace ?? '', fallback) : '<default>');
  if ((spec?.tls ?? []).length > 0) {
    w.line(0, 'TLS:');
    for (const t of spec?.tls ?? []) {
      const hosts = (t.hosts ?? []).join(',');
      w.line(1, t.secretName ? `${t.secretName} terminates ${hosts}` : `SNI routes ${hosts}`);
    }
  }
  await rules(w, ing, ctx);
  annotations(w, 0, metadata?.annotations);
}

export function describeIngressClass(w: DescriptionWriter, c: IngressClass): void {
  head(w, c, false);
  w.line(0, 'Controller:', c.spec?.controller ?? '');
  const p = c.spec?.parameters;
  if (!p) return;
  w.line(0, 'Parameters:');
  if (p.apiGroup) w.line(1, 'APIGroup:', p.apiGroup);
  w.line(1, 'Kind:', p.kind);
  w.line(1, 'Name:', p.name);
}
