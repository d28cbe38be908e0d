/** "busybox" → "busybox:latest": how Docker lists it. */
export const tagged = (image: string): string => (/[@:][^/]*$/.test(image) ? image : `${image}:latest`);
