/** The interface by which a node's pods are connected. */
export const POD_BRIDGE = 'cox0';
