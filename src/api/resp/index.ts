export { createRespServer } from './server.js';
export { RESP_LIMITS, type RespLimits } from './limits.js';
export type { RespServer, RespServerOptions } from './types.js';
