import { Buffer } from 'node:buffer';
import { assert } from '../../../base/assert.js';
import { equalsIgnoringCase } from '../request.js';
import { BATCHES } from './batches.js';
import { CLIENT } from './client.js';
import type { RespCommand } from './command.js';
import { CONFIG } from './config.js';
import { CONNECTION_COMMANDS, HTTP_WORDS } from './connection.js';
import { EXPIRY_COMMANDS } from './expiry.js';
import { HANDSHAKE_COMMANDS } from './handshake.js';
import { INFO } from './info.js';
import { ROLE } from './role.js';
import { createCommandCommand } from './introspection.js';
import { ITERATION_COMMANDS } from './iteration.js';
import { KEY_COMMANDS } from './keys.js';
import { SET } from './set.js';
import { APPEND, COUNTERS, GET, GETDEL, GETSET, RANGES, SETNX, STRLEN } from './strings.js';
import { WAIT } from './wait.js';

const BUCKETS = 256;
/** The longest name has 11 bytes; longer words are not looked up at all. */
const NAME_BYTES_MAX = 16;

/** Finds commands by the bytes of their name, in any case, without making a string of them. */
export class CommandRegistry {
  readonly all: readonly RespCommand[];
  readonly #byName = new Map<string, RespCommand>();
  readonly #buckets: RespCommand[][] = Array.from({ length: BUCKETS }, () => []);

  /** `hidden` commands are found but not listed. */
  constructor(commands: readonly RespCommand[], hidden: readonly RespCommand[]) {
    this.all = [...commands, createCommandCommand(this)];
    for (const command of [...this.all, ...hidden]) {
      const { name } = command;
      assert(!this.#byName.has(name), `one command is named ${name}`);
      assert(/^[a-z:]+$/.test(name) && name.length <= NAME_BYTES_MAX, `${name} can be found by its bytes`);
      this.#byName.set(name, command);
      this.#buckets[hashName(Buffer.from(name), 0, name.length)]?.push(command);
    }
  }

  find(name: string): RespCommand | undefined {
    return this.#byName.get(name);
  }

  findBytes(buffer: Uint8Array, start: number, end: number): RespCommand | undefined {
    if (end - start > NAME_BYTES_MAX) return undefined;
    const bucket = this.#buckets[hashName(buffer, start, end)] as RespCommand[];
    for (let at = 0; at < bucket.length; at++) {
      const command = bucket[at] as RespCommand;
      if (equalsIgnoringCase(buffer, start, end, command.name)) return command;
    }
    return undefined;
  }
}

/** Bit 5 makes letters lower case; what it does to other bytes is the comparison's to find out. */
function hashName(buffer: Uint8Array, start: number, end: number): number {
  let hash = end - start;
  for (let at = start; at < end; at++) hash = (hash * 31 + ((buffer[at] as number) | 32)) & (BUCKETS - 1);
  return hash;
}

export const COMMANDS = new CommandRegistry(
  [
    ...CONNECTION_COMMANDS,
    ...HANDSHAKE_COMMANDS,
    GET,
    SET,
    GETSET,
    SETNX,
    GETDEL,
    APPEND,
    STRLEN,
    ...RANGES,
    ...EXPIRY_COMMANDS,
    ...COUNTERS,
    ...BATCHES,
    ...KEY_COMMANDS,
    ...ITERATION_COMMANDS,
    CLIENT,
    CONFIG,
    INFO,
    ROLE,
    WAIT,
  ],
  HTTP_WORDS,
);
