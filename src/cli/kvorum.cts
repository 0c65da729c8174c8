#!/usr/bin/env node
// The executable. CommonJS, so that nothing has used libuv's thread pool yet when its size is set: every replica of this
// process needs a thread for its fsync and one for its checkpoint, or they wait for each other (default: 4 threads).
process.env['UV_THREADPOOL_SIZE'] ??= '16';
import('./main.js').then(
  ({ main }) => main(process.argv),
  (error: unknown) => {
    process.stderr.write(`${String(error)}\n`);
    process.exitCode = 1;
  },
);
