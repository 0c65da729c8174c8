import { ERRORS, type ErrorSpec, type RetryHint } from './catalogue.js';

const RETRY_MEANS: Readonly<Record<RetryHint, string>> = {
  safe: 'Nothing happened; the same request may be sent again at once.',
  after: 'Nothing happened; wait, then send it again. HTTP answers carry `Retry-After`.',
  elsewhere: 'Nothing happened; another replica can answer.',
  'outcome-unknown':
    'It may or may not have taken effect. Retry with the same `client_id` and `seq`, which applies it once, or read back.',
  never: 'The request itself must change.',
};

/** The text of docs/errors.md. */
export function generateErrorDocs(): string {
  const entries: (readonly [string, ErrorSpec])[] = Object.entries(ERRORS);
  const meanings = Object.entries(RETRY_MEANS).map(([hint, meaning]) => `- \`${hint}\`: ${meaning}`);
  return [
    '# Errors',
    '',
    'Every error that Kvorum reports is listed here under its code. HTTP answers carry it as `code` of an',
    '`application/problem+json` document, with `retry` saying what a client may do. Redis replies begin with the word',
    'given, the command line ends with the exit code given.',
    '',
    '## What `retry` means',
    '',
    ...meanings,
    '',
    '## Codes',
    '',
    ...entries.flatMap(([code, spec]) => entry(code, spec)),
    '',
  ]
    .join('\n')
    .replace(/\n+$/, '\n');
}

function entry(code: string, { title, http, resp, exit, retry, help }: ErrorSpec): string[] {
  const facts = `HTTP ${http} · Redis \`-${resp}\` · exit code ${exit} · retry \`${retry}\``;
  return [`### \`${code}\``, '', `${title}. ${help}`, '', facts, ''];
}
