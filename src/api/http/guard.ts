import { STATUS_CODES, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { KvorumError } from '../../base/errors/error.js';
import { problemDocument } from './problem.js';

/** An id for requests that are refused before they get one. */
const UNNAMED = '-';

/**
 * What Node's parser lets through but no honest client sends (reliability.md §6.3). Null when the request may pass.
 * A refused request closes its connection: where one request ends and the next begins may be in doubt.
 */
export function refusalOf(request: IncomingMessage): KvorumError | null {
  const { headers, rawHeaders, method, url = '' } = request;
  if (!url.startsWith('/')) return new KvorumError('bad_request', 'The request target must be a path');
  let hosts = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at];
    if (name?.length === 4 && name.toLowerCase() === 'host') hosts++;
  }
  if (hosts > 1) return new KvorumError('bad_request', 'The Host header is given twice');
  const chunked = headers['transfer-encoding'] !== undefined;
  if (chunked && request.httpVersion === '1.0') {
    return new KvorumError('bad_request', 'HTTP/1.0 has no Transfer-Encoding');
  }
  if (headers.upgrade !== undefined) return new KvorumError('bad_request', 'The connection cannot be upgraded');
  const length = headers['content-length'] ?? '0';
  const mayHaveBody = method === 'GET' && url.startsWith('/kvs/');
  if ((method === 'GET' || method === 'HEAD') && (chunked || length !== '0') && !mayHaveBody) {
    return new KvorumError('bad_request', `${method} takes no body`);
  }
  return crossSite(request);
}

/** A web page of another site may not change anything here (reliability.md §6.1): browsers name it in Origin. */
function crossSite({ headers, method }: IncomingMessage): KvorumError | null {
  const { origin, host = '' } = headers;
  if (origin === undefined || method === 'GET' || method === 'HEAD') return null;
  if (origin === `http://${host}` || origin === `https://${host}`) return null;
  return new KvorumError('forbidden_origin', 'The request comes from a web page of another site');
}

/** Answers without fastify and closes the connection. */
export function refuse(response: ServerResponse, error: KvorumError): void {
  const body = problemDocument(error, UNNAMED);
  response.writeHead(error.spec.http, {
    'content-type': 'application/problem+json; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-store',
    connection: 'close',
  });
  response.end(body);
}

/** The answer to bytes that Node's parser gave up on. Null when the client has gone and nobody would read it. */
export function parserRefusal(failure: Error & { code?: string }): KvorumError | null {
  const { code } = failure;
  if (code === 'ECONNRESET' || code === 'EPIPE') return null;
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return new KvorumError('request_timeout');
  if (code === 'HPE_HEADER_OVERFLOW') return new KvorumError('headers_too_large');
  return new KvorumError('bad_request', 'The request is not valid HTTP');
}

/** Writes a whole answer to a socket on which there is no request to answer. */
export function refuseSocket(socket: Duplex, error: KvorumError): void {
  const body = problemDocument(error, UNNAMED);
  const { http } = error.spec;
  const head = [
    `HTTP/1.1 ${http} ${STATUS_CODES[http] ?? 'Error'}`,
    'content-type: application/problem+json; charset=utf-8',
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}
