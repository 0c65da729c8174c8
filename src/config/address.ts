import { isIP } from 'node:net';
import type { HostPort } from './topology.js';

/** Reads `host:port` or `[v6]:port`. Returns what is wrong with the text as a string when it is not an address. */
export function parseAddress(text: string): HostPort | string {
  const at = text.lastIndexOf(':');
  if (/^\d+$/.test(text)) return `a host is missing; write 127.0.0.1:${text}`;
  if (at === -1) return `a port is missing; write ${text === '' ? '127.0.0.1' : text}:7101`;
  const host = text.slice(0, at);
  const portText = text.slice(at + 1);
  if (host === '') return `a host is missing; write 127.0.0.1:${portText}`;
  if (!/^\d{1,5}$/.test(portText) || Number(portText) > 65_535) return 'the port is a number from 0 to 65535';
  return parseHost(host, Number(portText));
}

function parseHost(host: string, port: number): HostPort | string {
  if (host.startsWith('[') && host.endsWith(']')) {
    const inner = host.slice(1, -1);
    return isIP(inner) === 6 ? { host: inner, port } : `"${inner}" is not an IPv6 address`;
  }
  if (host.includes(':')) return `an IPv6 address goes in brackets and quotes; write "[${host}]:${port}"`;
  if (host === '*') return { host: '0.0.0.0', port };
  if (/^[\d.]+$/.test(host) && isIP(host) !== 4) return `"${host}" is not an IPv4 address`;
  if (!/^[A-Za-z0-9]([A-Za-z0-9._-]{0,252})$/.test(host)) return `"${host}" is not a host name`;
  return { host, port };
}

/** `host:port`, with brackets around an IPv6 address: what parseAddress reads back. */
export function formatAddress(address: HostPort): string {
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

/** True for addresses that mean "every interface": they can be listened on, never connected to. */
export function isWildcard(host: string): boolean {
  return /^0+(\.0+){0,3}$/.test(host) || /^[0:]+(:0\.0\.0\.0)?$/.test(host);
}

/** True when only this machine can reach the address. A host name other than `localhost` counts as reachable. */
export function isLoopback(host: string): boolean {
  const plain = host.toLowerCase().replace(/^::ffff:/, '');
  if (plain === 'localhost' || plain.endsWith('.localhost')) return true;
  return isIP(plain) === 4 ? plain.startsWith('127.') : isIP(plain) === 6 && /^[0:]*:0*1$/.test(plain);
}

/** True when two listeners on one machine would ask for the same port. Port 0 never does. */
export function overlaps(a: HostPort, b: HostPort): boolean {
  if (a.port !== b.port || a.port === 0) return false;
  return isWildcard(a.host) || isWildcard(b.host) || canonical(a.host) === canonical(b.host);
}

function canonical(host: string): string {
  const lower = host.toLowerCase().replace(/^::ffff:/, '');
  return lower === 'localhost' ? '127.0.0.1' : lower;
}
