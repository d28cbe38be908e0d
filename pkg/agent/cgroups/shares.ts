export const LEAST_SHARES = 2;

/** Shares (2 to 262144) as weights (1 to 10000) of the unified hierarchy, as runc converts them. */
export const weightOf = (shares: number): number => 1 + Math.floor(((shares - LEAST_SHARES) * 9999) / 262_142);
