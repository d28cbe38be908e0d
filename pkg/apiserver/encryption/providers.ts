import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { xsalsa20poly1305 } from '@noble/ciphers/salsa.js';

/**
 * One way to keep values in the store, in the form that Kubernetes stores ("Encrypting Confidential Data at Rest"):
 * `k8s:enc:PROVIDER:v1:KEY:` and what the provider makes of the value.
 */
export interface Provider {
  /** What its values begin with; empty: they are stored as they are. */
  readonly prefix: Buffer;
  /** Of those with keys: what values of any key begin with, and what is said of one whose key is not there. */
  readonly family?: { readonly prefix: Buffer; readonly noKey: string };
  /** `key`: the value's key in the store, with which it is bound together where the cipher can. */
  encrypt(plain: Buffer, key: string): Buffer;
  /** @throws Error when the value was made with another key, for another place, or tampered with */
  decrypt(stored: Buffer, key: string): Buffer;
}

/** A named secret of a configuration. */
export interface Secret {
  readonly name: string;
  readonly bytes: Buffer;
}

/** What every encrypted value begins with. */
export const ENCRYPTED = Buffer.from('k8s:enc:');
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const BLOCK_BYTES = 16;
const BOX_NONCE_BYTES = 24;

/** What is said of a value that is not what was sealed with this key. */
const NOT_AUTHENTIC = 'cipher: message authentication failed';

function prefixesOf(
  provider: string,
  { name }: Secret,
  transformer: string,
): Required<Pick<Provider, 'prefix' | 'family'>> {
  const family = `k8s:enc:${provider}:v1:`;
  const noKey = `no matching key was found for the provided ${transformer} transformer`;
  return { prefix: Buffer.from(`${family}${name}:`), family: { prefix: Buffer.from(family), noKey } };
}

/** The library's own words say nothing of keys. @throws Error with these */
function opening(words: string, open: () => Buffer): Buffer {
  try {
    return open();
  } catch (cause) {
    throw new Error(words, { cause });
  }
}

/** Stored as it is. */
export const identity: Provider = {
  prefix: Buffer.alloc(0),
  encrypt: (plain) => plain,
  decrypt(stored) {
    if (stored.subarray(0, ENCRYPTED.length).equals(ENCRYPTED)) {
      throw new Error('identity transformer tried to read encrypted data');
    }
    return stored;
  },
};

/** AES in Galois/counter mode: nonce, ciphertext, tag. The key in the store is authenticated too. */
export function aesgcm(secret: Secret): Provider {
  const { prefix, family } = prefixesOf('aesgcm', secret, 'AES');
  const cipher = `aes-${secret.bytes.length * 8}-gcm` as 'aes-256-gcm';
  return {
    prefix,
    family,
    encrypt(plain, key) {
      const nonce = randomBytes(NONCE_BYTES);
      const c = createCipheriv(cipher, secret.bytes, nonce);
      c.setAAD(Buffer.from(key));
      return Buffer.concat([prefix, nonce, c.update(plain), c.final(), c.getAuthTag()]);
    },
    decrypt(stored, key) {
      const sealed = stored.subarray(prefix.length);
      if (sealed.length < NONCE_BYTES + TAG_BYTES)
        throw new Error('the stored data was shorter than the required size');
      const d = createDecipheriv(cipher, secret.bytes, sealed.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
      d.setAAD(Buffer.from(key));
      d.setAuthTag(sealed.subarray(-TAG_BYTES));
      return opening(NOT_AUTHENTIC, () =>
        Buffer.concat([d.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES)), d.final()]),
      );
    },
  };
}

/** AES in cipher block chaining mode with PKCS #7 padding: initialization vector, ciphertext. Nothing is authenticated. */
export function aescbc(secret: Secret): Provider {
  const { prefix, family } = prefixesOf('aescbc', secret, 'AES');
  const cipher = `aes-${secret.bytes.length * 8}-cbc`;
  return {
    prefix,
    family,
    encrypt(plain) {
      const vector = randomBytes(BLOCK_BYTES);
      const c = createCipheriv(cipher, secret.bytes, vector);
      return Buffer.concat([prefix, vector, c.update(plain), c.final()]);
    },
    decrypt(stored) {
      const sealed = stored.subarray(prefix.length);
      if (sealed.length < 2 * BLOCK_BYTES) throw new Error('the stored data was shorter than the required size');
      const d = createDecipheriv(cipher, secret.bytes, sealed.subarray(0, BLOCK_BYTES));
      return opening('invalid padding on input', () =>
        Buffer.concat([d.update(sealed.subarray(BLOCK_BYTES)), d.final()]),
      );
    },
  };
}

/** NaCl's secretbox (XSalsa20 and Poly1305): nonce, tag, ciphertext. Its keys have 32 bytes. */
export function secretbox(secret: Secret): Provider {
  const { prefix, family } = prefixesOf('secretbox', secret, 'Secretbox');
  return {
    prefix,
    family,
    encrypt(plain) {
      const nonce = randomBytes(BOX_NONCE_BYTES);
      return Buffer.concat([prefix, nonce, xsalsa20poly1305(secret.bytes, nonce).encrypt(plain)]);
    },
    decrypt(stored) {
      const sealed = stored.subarray(prefix.length);
      if (sealed.length < BOX_NONCE_BYTES + TAG_BYTES)
        throw new Error('the stored data was shorter than the required size');
      const box = xsalsa20poly1305(secret.bytes, sealed.subarray(0, BOX_NONCE_BYTES));
      return opening(NOT_AUTHENTIC, () => Buffer.from(box.decrypt(sealed.subarray(BOX_NONCE_BYTES))));
    },
  };
}
