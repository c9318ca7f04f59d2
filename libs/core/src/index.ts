export { expandHome, type Machine, type Running, runCommand } from './adapters/command.js';
export { FaultyWire, type Lane, type LaneFault, WHOLE_WIRE, type WireFault } from './adapters/faulty-wire.js';
export { askOverHttps, type HttpsAnswer } from './adapters/https.js';
export { HANDSHAKE_TIMEOUT_MS, type ListenAddress, Listener } from './adapters/listener.js';
export { pinoLog } from './adapters/pino-log.js';
export { onBehalfOf, REQUEST_ID, requestId } from './adapters/request-id.js';
export { sha256 } from './adapters/sha256.js';
export { parseRfc3339, rfc3339, systemClock } from './adapters/system-clock.js';
export { systemEntropy } from './adapters/system-entropy.js';
export { type Cancel, type Clock, epochSeconds, sleep } from './clock.js';
export { loadConfig, maskConfig } from './config/config.js';
export type { PublicKeySetting } from './config/public-keys.js';
export type { ConfigSources } from './config/read.js';
export type { Config } from './config/settings.js';
export type { Role } from './config/table.js';
export { formatDuration, NANOS_PER_MILLISECOND, NANOS_PER_SECOND, parseDuration } from './duration.js';
export { type Entropy, jittered, SeededEntropy } from './entropy.js';
export {
  ControlPlaneError,
  ERROR_STATUS,
  type ErrorCode,
  errorCodeOf,
  invalid,
  unreachable,
  type Violation,
  violationsIn,
} from './errors.js';
export { EventLog, type LogEvent } from './event-log.js';
export { type Log, type LogFields, SILENT } from './log.js';
export { bothObserve, type Facts, type Observer, type Step, UNOBSERVED } from './observer.js';
export { oddMember } from './odd-member.js';
export { ShiftableClock } from './shiftable-clock.js';
export { type Task, Tasks } from './tasks.js';
export { type CertificateOrder, makeSelfSigned } from './tls/adapters/issue.js';
export { issueIn } from './tls/adapters/kept.js';
export { Certificates, certificatesFrom, type TlsIdentity } from './tls/certificates.js';
export { KUMA_VERSION, VERSION } from './version.js';
export { VirtualClock } from './virtual-clock.js';
