/**
 * Takes fields off that belong to a feature which v1.33 has switched off unless told otherwise ("Feature Gates"), and that
 * nothing here acts on. One that is there already stays, for an object could not be written back otherwise.
 */
export function dropDisabledFields<T extends object>(o: T | undefined, old: T | undefined, fields: (keyof T)[]): void {
  for (const k of fields) if (o?.[k] !== undefined && old?.[k] === undefined) delete o[k];
}

/** The count of pods that are being ended (DeploymentReplicaSetTerminatingReplicas) is off in v1.33. */
export const dropTerminating = <T extends { status?: { terminatingReplicas?: number } }>(o: T, old: T): void =>
  dropDisabledFields(o.status, old.status, ['terminatingReplicas']);
