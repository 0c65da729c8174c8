import { Buffer, isUtf8 } from 'node:buffer';
import type { KeyString, ValueRef } from '../../kv/types.js';

/**
 * Byte strings have one char per byte (kv/types.ts). JSON carries text only, so bytes that are not UTF-8 travel as
 * base64 in a second member: `"value": null, "value_base64": "/w=="`, and the same for keys.
 */
const ASCII = /^[\0-\x7f]*$/;

/** Decodes `%XX` into bytes. Null when a `%` is not followed by two hex digits. The input is as it came on the wire. */
export function percentDecode(raw: string): string | null {
  const first = raw.indexOf('%');
  if (first < 0) return raw;
  let decoded = raw.slice(0, first);
  for (let at = first; at < raw.length; at++) {
    if (raw.charCodeAt(at) !== 0x25) {
      decoded += raw[at];
      continue;
    }
    const digits = raw.slice(at + 1, at + 3);
    if (!/^[0-9a-fA-F]{2}$/.test(digits)) return null;
    decoded += String.fromCharCode(Number.parseInt(digits, 16));
    at += 2;
  }
  return decoded;
}

/** The byte string of a text's UTF-8 bytes. */
export function bytesOfText(text: string): KeyString {
  return ASCII.test(text) ? text : Buffer.from(text, 'utf8').toString('latin1');
}

/** The text that a byte string holds, or null when it is not UTF-8. */
export function textOfBytes(bytes: KeyString): string | null {
  if (ASCII.test(bytes)) return bytes;
  const buffer = Buffer.from(bytes, 'latin1');
  return isUtf8(buffer) ? buffer.toString('utf8') : null;
}

export function viewOf(ref: ValueRef): Buffer {
  return Buffer.from(ref.source.buffer, ref.source.byteOffset + ref.start, ref.end - ref.start);
}

/** `"key":"a"` or `"key":null,"key_base64":"/w=="`. */
export function keyMembers(key: KeyString): string {
  const text = textOfBytes(key);
  if (text !== null) return `"key":${JSON.stringify(text)}`;
  return `"key":null,"key_base64":"${Buffer.from(key, 'latin1').toString('base64')}"`;
}

/** `"value":"a"` or `"value":null,"value_base64":"/w=="`. */
export function valueMembers(ref: ValueRef): string {
  const view = viewOf(ref);
  if (isUtf8(view)) return `"value":${JSON.stringify(view.toString('utf8'))}`;
  return `"value":null,"value_base64":"${view.toString('base64')}"`;
}

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** Null when `text` is not base64 (RFC 4648 §4; padding may be left out). */
export function decodeBase64(text: string): Buffer | null {
  const unpadded = text.replace(/={1,2}$/, '').length;
  if (!BASE64.test(text) || unpadded % 4 === 1) return null;
  return Buffer.from(text, 'base64');
}
