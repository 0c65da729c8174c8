import type { Socket } from 'node:net';

/**
 * Ends a connection with RST. Not while an end is being sent: Node would then forget the handle half closed, and the
 * process would never end. The other side sees FIN instead, which comes before any RST anyway.
 */
export function abort(socket: Socket): void {
  if (socket.writableEnded || socket.connecting) socket.destroy();
  else socket.resetAndDestroy();
}
