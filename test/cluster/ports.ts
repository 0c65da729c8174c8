import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';

/** What Linux uses when nobody has changed it. */
const EPHEMERAL_FROM = 32_768;
const LOWEST = 10_240;

/**
 * Ports of the loopback interface that nobody listens on, and that the kernel gives to no outgoing connection: a server
 * that is killed finds them free again when it comes back.
 */
export async function portsBelowEphemeral(count: number): Promise<number[]> {
  const span = ephemeralFrom() - LOWEST;
  const ports = new Set<number>();
  for (let attempt = 0; ports.size < count; attempt++) {
    if (attempt > 100 * count) throw new Error('there are no free ports');
    const port = LOWEST + Math.floor(Math.random() * span);
    if (!ports.has(port) && (await isFree(port))) ports.add(port);
  }
  return [...ports];
}

function ephemeralFrom(): number {
  try {
    const from = Number(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'latin1').split(/\s+/)[0]);
    return from > LOWEST + 1000 ? from : EPHEMERAL_FROM;
  } catch {
    return EPHEMERAL_FROM;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}
