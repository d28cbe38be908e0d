const SHORT: Record<string, string> = {
  ReadWriteOnce: 'RWO',
  ReadOnlyMany: 'ROX',
  ReadWriteMany: 'RWX',
  ReadWriteOncePod: 'RWOP',
};

/** "RWO,ROX": each mode once, in a fixed order. */
export const accessModesText = (modes: readonly string[] | undefined): string =>
  Object.keys(SHORT)
    .filter((m) => modes?.includes(m))
    .map((m) => SHORT[m])
    .join(',');
