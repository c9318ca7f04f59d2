// Written from protobuf's own files by ts-proto; their JSON is protobuf's (`"10s"`, RFC 3339).
export { Any } from './gen/google/protobuf/any.js';
export { Duration } from './gen/google/protobuf/duration.js';
export { Struct } from './gen/google/protobuf/struct.js';
export { Timestamp } from './gen/google/protobuf/timestamp.js';
export { BoolValue, BytesValue, DoubleValue, UInt32Value } from './gen/google/protobuf/wrappers.js';
export { Status } from './gen/google/rpc/status.js';
