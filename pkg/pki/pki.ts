/** Certificates of a cluster: what must exist (`planPki`), making it (`ensurePki`), looking at it
 * (`inspectPki`), and making it anew (`renewPki`). */
export { authorityFile, ensurePki, type Issued, pkiFolder } from './ensure.ts';
export { type CertificateFacts, inspectPki, renderInspection } from './inspect.ts';
export type { AuthorityName, CertificateSpec, KubeconfigSpec, PkiPlan } from './names.ts';
export { type ClusterShape, nodeKubeconfigFile, nodeServingFile, planPki } from './plan.ts';
export { renewPki } from './renew.ts';
