import { runLine, type Side } from './compare.ts';

/** Lines that make what the scenarios are about, and wait for it. */
const LINES = [
  'k create namespace $NS',
  // A pod is refused before its account is there.
  'k wait --for=create sa/default --timeout=100s',
  // It is the older one of two ConfigMaps, whatever they are sorted by.
  'k wait --for=create cm/kube-root-ca.crt --timeout=100s',
  'k apply -f settings.yaml -f web.yaml -f pod.yaml',
  'k create -f secret.yaml',
  'k rollout status deploy/web --timeout=110s',
  'k wait --for=condition=Ready pod/solo --timeout=110s',
  // The addresses of pods are listed after these are Ready.
  ...[
    'ep web -o jsonpath="{.subsets[*].addresses[*].ip}"',
    'endpointslices -l kubernetes.io/service-name=web -o jsonpath="{.items[*].endpoints[?(@.conditions.ready==true)].addresses[0]}"',
  ].map((addresses) => `until [ $(k get ${addresses} | wc -w) = 2 ]; do sleep 0.2; done`),
];

/** Prepares a side's namespace with real kubectl. @throws Error with what kubectl printed */
export async function prepare(side: Side, kubectl: string): Promise<void> {
  for (const line of LINES) {
    const { code, err } = await runLine({ ...side, program: kubectl }, line);
    if (code !== 0) throw new Error(`${line}: ${err}`);
  }
}
