/** A volume that cannot be made (yet): reason FailedMount. */
export class VolumeError extends Error {}
