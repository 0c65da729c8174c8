import type { Client } from '../client.js';
import { wrongArity } from '../replies.js';
import type { ReplyWriter } from '../reply-writer.js';
import type { Request } from '../request.js';

/** A command behind a command, for example CLIENT ID. The arity counts both words. */
export interface Subcommand {
  readonly name: string;
  readonly arity: number;
  run(client: Client, request: Request, out: ReplyWriter): void;
}

export function arityMatches(arity: number, count: number): boolean {
  return arity >= 0 ? count === arity : count >= -arity;
}

/** Runs the subcommand that the second argument names, or says that there is none as Redis does. */
export function runSubcommand(
  command: string,
  subcommands: readonly Subcommand[],
  client: Client,
  request: Request,
  out: ReplyWriter,
): void {
  const found = subcommands.find(({ name }) => request.is(1, name));
  if (found === undefined) {
    const named = cString(request.byteString(1)).slice(0, 128);
    out.error(`ERR unknown subcommand '${named}'. Try ${command.toUpperCase()} HELP.`);
  } else if (arityMatches(found.arity, request.count)) {
    found.run(client, request, out);
  } else {
    out.error(wrongArity(`${command}|${found.name}`).message);
  }
}

/** Redis prints arguments as C strings: up to the first NUL. */
export function cString(text: string): string {
  const nul = text.indexOf('\0');
  return nul === -1 ? text : text.slice(0, nul);
}
