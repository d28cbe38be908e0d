/** Objects that say by a condition "Ready" how they are: Nodes and Pods. */
interface WithConditions {
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] | undefined };
}

/** "True", "False" or "Unknown"; undefined while nobody has said. */
export const readinessOf = (o: WithConditions): string | undefined =>
  o.status?.conditions?.find((c) => c.type === 'Ready')?.status;

export const isReady = (o: WithConditions): boolean => readinessOf(o) === 'True';
