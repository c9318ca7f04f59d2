import { grpcDial } from '@koguma/kds';
import { WiredLab } from '@koguma/testkit';
import { MAX_MESSAGE_SIZE } from '../peer/kds-methods.js';
import type { KumaGlobal } from '../peer/kuma-global.js';

/** A zone of ours, `east`, whose global is Kuma's. The lab's own global is never started. */
export function labOf(global: KumaGlobal, env: Readonly<Record<string, string>> = {}): WiredLab {
  const address = `grpc://${global.address}`;
  return new WiredLab({
    zones: ['east'],
    env: { KUMA_MULTIZONE_ZONE_GLOBAL_ADDRESS: address, ...env },
    dialThrough: () => grpcDial(address, { maxMessageSize: MAX_MESSAGE_SIZE }),
  });
}

/** Waits until the zone has answered all that the global has sent on the stream that is open, and says that it is in sync. */
export async function inSync(lab: WiredLab, global: KumaGlobal): Promise<void> {
  await lab.until(() => {
    const { requests = [], responses = [] } = global.session ?? {};
    const answered = new Set(requests.map(({ responseNonce }) => responseNonce));
    return (
      lab.zone('east').served.link?.state === 'in-sync' &&
      responses.length > 0 &&
      responses.every(({ nonce }) => answered.has(nonce ?? ''))
    );
  }, 'the zone has answered all that the global sent');
}

/** Long enough for whatever is under way to arrive. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 200; turn++) await new Promise((resolve) => setImmediate(resolve));
}
