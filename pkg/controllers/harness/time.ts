/** Epoch milliseconds as the API writes times: RFC 3339 with whole seconds. */
export const apiTime = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;

/** Epoch milliseconds as the API writes microsecond times. */
export const apiMicroTime = (ms: number): string => `${new Date(ms).toISOString().slice(0, 23)}000Z`;
