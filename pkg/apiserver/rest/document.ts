import { createHash } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';

/** Something that rarely changes and that clients keep: the answer names its contents. */
export interface Document {
  readonly body: Buffer;
  /** Without quotes. */
  readonly etag: string;
  readonly type: string;
}

export function documentOf(content: string | Buffer, type: string): Document {
  // Of bytes Fastify leaves the type as it is.
  const body = Buffer.from(content);
  return { body, type, etag: createHash('sha512').update(body).digest('hex').toUpperCase() };
}

/** Answers with the document, or with 304 and without it to a client that has it (RFC 9110, 13.1.2). */
export function sendDocument(request: FastifyRequest, reply: FastifyReply, document: Document): FastifyReply {
  reply.header('etag', `"${document.etag}"`).header('vary', 'Accept');
  if (request.headers['if-none-match'] === `"${document.etag}"`) return reply.code(304).send();
  return reply.type(document.type).send(document.body);
}
