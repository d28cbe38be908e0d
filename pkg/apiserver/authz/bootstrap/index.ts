import { COMPONENT_ROLES } from './components.ts';
import { CONTROLLER_ROLES } from './controllers.ts';
import type { BootstrapRole } from './role.ts';
import { USER_ROLES } from './users.ts';

export { NODE_RULES, UNSELECTED_NODE_RULES } from './components.ts';
export { NAMESPACED_ROLES } from './namespaced.ts';
export type { BootstrapRole, NamespacedBootstrapRole } from './role.ts';

/** Roles and bindings every cluster has: "Using RBAC Authorization", Default roles and role bindings. */
export const BOOTSTRAP_ROLES: readonly BootstrapRole[] = [...USER_ROLES, ...COMPONENT_ROLES, ...CONTROLLER_ROLES];
