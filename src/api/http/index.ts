export { handOverQuorum } from './promote.js';
export { createHttpServer, type HttpServer, type HttpServerOptions } from './server.js';
