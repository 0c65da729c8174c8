import { readdirSync, readFileSync } from 'node:fs';
import t from 'tap';
import { ConfigError } from '../../../src/config/errors.js';
import { loadTopology } from '../../../src/config/load.js';

/** What a file is expected to be refused for: its `# expect:` lines, `line:column message`. */
function expected(file: string): string[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('# expect: '))
    .map((line) => line.slice('# expect: '.length));
}

function reported(file: string): string[] {
  try {
    loadTopology({ file });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.diagnostics.map(({ at, message, severity }) => {
      const place = at.kind === 'file' ? `${at.line}:${at.column} ` : '';
      return `${place}${severity === 'warning' ? 'warning: ' : ''}${message}`;
    });
  }
  return ['the file is valid'];
}

const names = readdirSync('configs/broken').filter((name) => name.endsWith('.yaml'));
t.ok(names.length >= 15, 'the collection of broken files is there');
for (const name of names) {
  t.test(`${name} is refused for exactly what is wrong with it`, (t) => {
    const file = `configs/broken/${name}`;
    t.ok(expected(file).length > 0, 'it says what to expect');
    t.same(reported(file), expected(file));
    t.end();
  });
}
