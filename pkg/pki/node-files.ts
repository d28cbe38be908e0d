/** Files of a node that has its certificates from the cluster: certificate and key in one, as kubelets name them. */
export const NODE_CLIENT_FILE = 'kubelet-client-current.pem';
export const NODE_SERVER_FILE = 'kubelet-server-current.pem';

/** Who the pod network of every node is to the API server: it reads what a node by itself may not. */
export const NETWORK_USER = 'system:coxswain-network';

/** The same of the network and the programs that run beside the agent, by the user each is known as. */
export const NODE_SERVICE_FILES = {
  'system:kube-proxy': 'kube-proxy-client-current.pem',
  'system:kube-dns': 'kube-dns-client-current.pem',
  [NETWORK_USER]: 'network-client-current.pem',
} as const;
