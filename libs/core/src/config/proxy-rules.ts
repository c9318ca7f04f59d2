import type { Rule } from './rule.js';
import type { Path } from './settings.js';
import { valueAt } from './table.js';

const AUTH_TYPES = ['dpServer.authn.dpProxy.type', 'dpServer.authn.zoneProxy.type'] as const;

/** Who leaves the door open is told each time. */
const openDoorIsTold: Rule = (config, role, reading) => {
  if (role !== 'zone') return;
  for (const path of AUTH_TYPES) {
    if (valueAt(config, path) !== 'none') continue;
    const who = path.includes('dpProxy') ? 'any proxy can pass for any service' : 'anybody can pass for a zone proxy';
    reading.warnings.push(
      `AUTHENTICATION IS OFF: ${reading.nameOf(path)} is none, so ${who}; never do this in production`,
    );
  }
};

/** Tokens of service accounts are checked in exactly one way, which is whole. */
const serviceAccountsCanBeChecked: Rule = (config, role, reading) => {
  const using = AUTH_TYPES.find((path) => valueAt(config, path) === 'serviceAccountToken');
  if (role !== 'zone' || !using) return;
  const { jwksUri, tokenReviewUri, issuer, audience, credentialFile } = config.koguma.dpServer.authn.serviceAccount;
  const path = <N extends string>(name: N) => `koguma.dpServer.authn.serviceAccount.${name}` as const;
  const name = (of: Path) => reading.nameOf(of);
  if ((jwksUri === '') === (tokenReviewUri === '')) {
    const both = `${name(path('jwksUri'))} (keys of the cluster) or ${name(path('tokenReviewUri'))} (its API)`;
    reading.refuse(`which needs one way to check them: set either ${both}`, using);
  } else if (jwksUri !== '' && (issuer === '' || audience === '')) {
    const needed = `${name(path('issuer'))} and ${name(path('audience'))}`;
    reading.refuse(`which says nothing of whose tokens count: set ${needed}`, path('jwksUri'));
  } else if (tokenReviewUri !== '' && credentialFile === '') {
    const needed = name(path('credentialFile'));
    reading.refuse(`where nobody is heard without a credential: set ${needed}`, path('tokenReviewUri'));
  }
};

/** Rules for how proxies prove who they are. */
export const PROXY_RULES: readonly Rule[] = [openDoorIsTold, serviceAccountsCanBeChecked];
