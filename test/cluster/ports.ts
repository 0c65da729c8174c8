import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';

/** What Linux uses when nobody has changed it. */
const EPHEMERAL_FROM = 32_768;
const LOWEST = 10_240;
/** A test file holds whole blocks; the first port of each says so to the others that run at the same time. */
const BLOCK_PORTS = 64;
/** So many ports that were given back rest before one of them is used again: somebody may still dial it. */
const RESTING = 512;

/** Of the blocks that this process holds. */
const fresh: number[] = [];
const resting: number[] = [];

/**
 * Ports of the loopback interface that nobody listens on, that the kernel gives to no outgoing connection, and that no
 * other test file is given while this process lives: a server that starts late, or that is killed and comes back, finds
 * them free.
 */
export async function portsBelowEphemeral(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) {
    const port = (resting.length > RESTING ? resting : fresh).shift();
    if (port === undefined) await holdBlock();
    else if (await isFree(port)) ports.push(port);
  }
  return ports;
}

/** For tests that take ports for hours: nobody listens there any more. */
export function giveBackPorts(ports: Iterable<number>): void {
  resting.push(...ports);
}

async function holdBlock(): Promise<void> {
  const blocks = Math.floor((ephemeralFrom() - LOWEST) / BLOCK_PORTS);
  const start = Math.floor(Math.random() * blocks);
  for (let at = 0; at < blocks; at++) {
    const first = LOWEST + ((start + at) % blocks) * BLOCK_PORTS;
    if (!(await listensOn(first))) continue;
    for (let port = first + 1; port < first + BLOCK_PORTS; port++) fresh.push(port);
    return;
  }
  throw new Error('there are no free ports');
}

function ephemeralFrom(): number {
  try {
    const from = Number(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'latin1').split(/\s+/)[0]);
    return from > LOWEST + 1000 ? from : EPHEMERAL_FROM;
  } catch {
    return EPHEMERAL_FROM;
  }
}

/** For as long as this process lives, and without keeping it alive; false where somebody else does. */
function listensOn(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      server.unref();
      resolve(true);
    });
  });
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}
