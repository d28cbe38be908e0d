import { arr, f, map, objectsIn, str, type TypeOf } from '../../schema/schema.ts';

const obj = objectsIn('io.k8s.api.authentication.v1');

export const UserInfo = obj('UserInfo', 'Who a user is.', {
  username: f(1, str, 'Name of the user.'),
  uid: f(2, str, 'Tells users apart who had the same name at different times.'),
  groups: f(3, arr(str), 'Groups of the user.'),
  extra: f(4, map(arr(str)), 'Further facts from the authenticator.'),
});
export type UserInfo = TypeOf<typeof UserInfo>;
