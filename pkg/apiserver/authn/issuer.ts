import { createHash, createPublicKey } from 'node:crypto';
import type { FastifyInstance } from 'fastify';

/** What others need to check our service-account tokens. */
export interface IssuerDocuments {
  /** GET /.well-known/openid-configuration */
  readonly configuration: string;
  /** GET /openid/v1/jwks */
  readonly keys: string;
}

/** How a key is named in tokens and in the key set: by the digest of its DER form. */
export const keyId = (publicKey: string): string =>
  createHash('sha256')
    .update(createPublicKey(publicKey).export({ type: 'spki', format: 'der' }))
    .digest('base64url');

/** @param address host:port under which clients reach this server */
export function issuerDocuments(publicKey: string, issuer: string, address: string): IssuerDocuments {
  const key = createPublicKey(publicKey);
  const alg = key.asymmetricKeyType === 'rsa' ? 'RS256' : 'ES256';
  const configuration = {
    issuer,
    jwks_uri: `https://${address}/openid/v1/jwks`,
    response_types_supported: ['id_token'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: [alg],
  };
  const jwk = { use: 'sig', ...key.export({ format: 'jwk' }), kid: keyId(publicKey), alg };
  return { configuration: JSON.stringify(configuration), keys: JSON.stringify({ keys: [jwk] }) };
}

/** "Service account issuer discovery". */
export function issuerRoutes(app: FastifyInstance, documents: IssuerDocuments): void {
  app.get('/.well-known/openid-configuration', (_q, reply) =>
    reply.type('application/json').header('cache-control', 'public, max-age=3600').send(documents.configuration),
  );
  app.get('/openid/v1/jwks', (_q, reply) =>
    reply.type('application/jwk-set+json').header('cache-control', 'public, max-age=3600').send(documents.keys),
  );
}
