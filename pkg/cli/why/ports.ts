import type { Pod, Service } from '#api/kinds/index.ts';
import type { Answer } from './answer.ts';

/** Why a Service with endpoints is not reached: a target port that none of its pods has; undefined when all are there. */
export function whyPorts(service: Service, pods: readonly Pod[]): Answer | undefined {
  const { name = '' } = service.metadata ?? {};
  const declared = pods.flatMap((p) => p.spec?.containers ?? []).flatMap((c) => c.ports ?? []);
  const told = [...new Set(declared.map((p) => `${p.name ? `${p.name} ` : ''}${p.containerPort}`))];
  const evidence = [told.length > 0 ? `its pods have the ports: ${told.join(', ')}` : 'its pods name no ports'];
  const next = `cox describe svc ${name}`;
  for (const { port, targetPort = port, protocol = 'TCP' } of service.spec?.ports ?? []) {
    const same = declared.filter((p) => (p.protocol ?? 'TCP') === protocol);
    if (typeof targetPort === 'string') {
      if (!same.some((p) => p.name === targetPort))
        return {
          because: `port ${port} goes to a port named "${targetPort}", which none of its pods has`,
          evidence,
          next,
        };
      // A container need not say which ports it listens on; one that does has most likely said all.
    } else if (same.length > 0 && !same.some((p) => p.containerPort === targetPort))
      return { because: `port ${port} goes to port ${targetPort}, which none of its pods declares`, evidence, next };
  }
  return undefined;
}
