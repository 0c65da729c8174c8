import protobuf from 'protobufjs/minimal.js';

// A decoded uint64 is a `Long` object whenever protobufjs finds the package "long", whatever --force-number says about
// the types; without it, it is a number. Must run before the generated code, which makes its default values on loading.
(protobuf.util as { Long: unknown }).Long = null;
protobuf.configure();
