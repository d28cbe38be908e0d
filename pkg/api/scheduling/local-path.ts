/** Who made a volume for a claim: the name of its provisioner. */
export const PROVISIONED_BY = 'pv.kubernetes.io/provisioned-by';
/** Provisioner of StorageClasses whose volumes are folders on the nodes. */
export const LOCAL_PATH = 'local-path.coxswain.io';
